// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"sync/atomic"
)

const (
	// lineSize is the cache line of the simulated CPU.
	lineSize = 64
	// blockSize is what is compared at once before lines are looked at.
	blockSize = 4096
)

// Stats counts what the board did since New. Lines are CPU cache lines of 64 bytes.
type Stats struct {
	SyncStart, SyncEnd int64 // SYNC calls
	SyncIdle           int64 // of them: calls that did nothing, because no mapped attachment is non-coherent
	Cleaned            int64 // lines written back to memory
	Invalidated        int64 // lines read anew from memory
	Lost               int64 // lines the CPU had written and an invalidation dropped: a missing bracket
	Attached, Detached int64

	ToRemote, ToHost int64 // messages delivered
	Dropped          int64 // messages that a fault or a dead processor swallowed
	Crashes          int64
}

// Bytes is the number of bytes that SYNC, attach and detach moved.
func (s Stats) Bytes() int64 { return (s.Cleaned + s.Invalidated) * lineSize }

// counters are Stats while they count.
type counters struct {
	syncStart, syncEnd, syncIdle, cleaned, invalidated, lost, attached, detached atomic.Int64
	toRemote, toHost, dropped, crashes                                           atomic.Int64
}

func (c *counters) stats() Stats {
	return Stats{
		SyncStart: c.syncStart.Load(), SyncEnd: c.syncEnd.Load(), SyncIdle: c.syncIdle.Load(),
		Cleaned: c.cleaned.Load(), Invalidated: c.invalidated.Load(), Lost: c.lost.Load(),
		Attached: c.attached.Load(), Detached: c.detached.Load(),
		ToRemote: c.toRemote.Load(), ToHost: c.toHost.Load(), Dropped: c.dropped.Load(), Crashes: c.crashes.Load(),
	}
}

// clean writes the dirty lines of a, those that differ from last, to mem. It is the worst case of a write-back cache: no
// line is ever written back earlier than this.
func clean(a, last, mem []byte) (lines int64) {
	for o := 0; o < len(a); o += blockSize {
		if bytes.Equal(a[o:o+blockSize], last[o:o+blockSize]) {
			continue
		}
		for l := o; l < o+blockSize; l += lineSize {
			if line := a[l : l+lineSize]; !bytes.Equal(line, last[l:l+lineSize]) {
				copy(mem[l:], line)
				copy(last[l:], line)
				lines++
			}
		}
	}
	return lines
}

// invalidate makes a show what is in mem. Dirty lines are lost.
func invalidate(a, last, mem []byte) (lines, lost int64) {
	for o := 0; o < len(a); o += blockSize {
		m := mem[o : o+blockSize]
		if bytes.Equal(a[o:o+blockSize], m) && bytes.Equal(last[o:o+blockSize], m) {
			continue
		}
		for l := o; l < o+blockSize; l += lineSize {
			line := mem[l : l+lineSize]
			if !bytes.Equal(a[l:l+lineSize], last[l:l+lineSize]) {
				lost++
			}
			if !bytes.Equal(a[l:l+lineSize], line) {
				copy(a[l:], line)
				lines++
			}
			copy(last[l:], line)
		}
	}
	return lines, lost
}
