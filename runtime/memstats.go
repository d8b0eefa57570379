// SPDX-License-Identifier: Apache-2.0

package runtime

import "sync/atomic"

// MemoryStats counts buffers and resting memory. High marks are the most there was at a time.
type MemoryStats struct {
	Live, LiveHigh       int64  // bytes of buffers, whole pages
	Resting, RestingHigh int64  // bytes that rest for reuse, without pools
	Fresh                uint64 // allocations from a heap
	Reused               uint64 // allocations from rest
	Pooled               uint64 // allocations from pools
	Evicted              uint64 // blocks that grew too old or too many
	ZeroedInTime         int64  // bytes zeroed while the caller waited
	ZeroedIdle           int64  // bytes zeroed in the background
	Syncs                uint64 // SYNCs around that zeroing, which Stats.SyncsIssued does not count
	TrimmedByPressure    int64  // bytes given back because the machine was short of memory
	Errors               uint64 // of giving back in the background
}

type memoryCounters struct {
	live, liveHigh, resting, restingHigh atomic.Int64
	fresh, reused, pooled, syncs         atomic.Uint64
	evicted, zeroed, idle, pressed       atomic.Int64
	errors                               atomic.Uint64
}

func (m *memoryCounters) add(n int64) { raise(&m.liveHigh, m.live.Add(n)) }

func (m *memoryCounters) rested(n int64) { raise(&m.restingHigh, n) }

func raise(high *atomic.Int64, n int64) {
	for old := high.Load(); n > old && !high.CompareAndSwap(old, n); old = high.Load() {
	}
}

func (rt *Runtime) memoryStats() MemoryStats {
	m := &rt.memory
	rt.cache.mu.Lock()
	resting := rt.cache.bytes
	rt.cache.mu.Unlock()
	return MemoryStats{
		Live: m.live.Load(), LiveHigh: m.liveHigh.Load(), Resting: resting, RestingHigh: m.restingHigh.Load(),
		Fresh: m.fresh.Load(), Reused: m.reused.Load(), Pooled: m.pooled.Load(), Evicted: uint64(m.evicted.Load()),
		ZeroedInTime: m.zeroed.Load(), ZeroedIdle: m.idle.Load(), Syncs: m.syncs.Load(), TrimmedByPressure: m.pressed.Load(), Errors: m.errors.Load(),
	}
}
