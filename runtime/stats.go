// SPDX-License-Identifier: Apache-2.0

package runtime

import "sync/atomic"

// Stats counts what a runtime did since it started.
type Stats struct {
	Calls         uint64 // answered, well or with an error of the remote
	Abandoned     uint64 // ended by their context
	Crashed       uint64 // ended by the death of the processor
	Repeated      uint64 // made again after a crash
	LateAnswers   uint64 // answers to abandoned calls
	Unmatched     uint64 // answers to no open call: duplicates and foreign ids
	Malformed     uint64 // messages that could not be parsed
	Notifications uint64
	SyncsIssued   uint64 // DMA_BUF_IOCTL_SYNC
	SyncsElided   uint64 // ends of brackets and hand-overs that needed none
	BytesSynced   uint64
	BytesSent     uint64
	BytesReceived uint64
	Memory        MemoryStats
}

type counters struct {
	calls, abandoned, crashed, repeated, late, unmatched, malformed, notifications atomic.Uint64
	syncs, elided, synced, sent, received                                          atomic.Uint64
}

// Stats returns the counters of the runtime.
func (rt *Runtime) Stats() Stats {
	c := &rt.stats
	return Stats{
		Calls: c.calls.Load(), Abandoned: c.abandoned.Load(), Crashed: c.crashed.Load(), Repeated: c.repeated.Load(), LateAnswers: c.late.Load(),
		Unmatched: c.unmatched.Load(), Malformed: c.malformed.Load(), Notifications: c.notifications.Load(),
		SyncsIssued: c.syncs.Load(), SyncsElided: c.elided.Load(), BytesSynced: c.synced.Load(),
		BytesSent: c.sent.Load(), BytesReceived: c.received.Load(),
		Memory: rt.memoryStats(),
	}
}
