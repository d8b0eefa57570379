// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
)

// ownership says whose copy of a buffer is newer. The CPU's caches, which coherent processors see too, and memory, which the
// others see, are two places. At most one of the two flags is set while no call is open.
type ownership struct {
	cacheNewer bool // the CPU or a coherent processor wrote; memory lacks it until SYNC END
	memNewer   bool // a non-coherent processor wrote; caches may hold the old until SYNC START
}

// sync issues one SYNC and counts it.
func (b *Buffer) sync(op func(dmabuf.Access) error, a dmabuf.Access) error {
	b.rt.stats.syncs.Add(1)
	b.rt.stats.synced.Add(uint64(b.mem.Size()))
	return op(a)
}

// toCPU makes the CPU's caches as new as memory. b.mu is held.
//
// A bracket for writing invalidates as well, unless nothing is newer: the CPU writes whole cache lines back later, and what
// it did not overwrite in them must be what the processor wrote.
func (b *Buffer) toCPU(a dmabuf.Access) error {
	if !b.memNewer && !b.foreign {
		b.rt.stats.elided.Add(1)
		return nil
	}
	if b.memNewer {
		a |= dmabuf.Read
	}
	if err := b.sync(b.mem.SyncStart, a); err != nil {
		return err
	}
	b.memNewer = false
	return nil
}

// attach makes sure that the processor has an address of the buffer. A fresh attachment has cleaned the caches.
func (b *Buffer) attach(p *processor) (fresh bool, err error) {
	if b.entry.Attached(p.target) {
		return false, nil
	}
	fresh, err = b.entry.AttachAnew(p.target, func(r bufmap.Result) error {
		if !p.invalidates(r) {
			return nil
		}
		return b.writeBack(p)
	})
	if errors.Is(err, bufmap.ErrNotContiguous) {
		err = fmt.Errorf("%w; allocate it from a contiguous heap", err)
	}
	return fresh, err
}

// acquire hands the buffer to a call: it attaches it, synchronises what must be, and records the use.
func (b *Buffer) acquire(ticket uint64, p *processor, r Ref, method string) error {
	if err := b.CheckRange(r.Offset, r.Length); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("%v as an argument: %w", b, os.ErrClosed)
	}
	writes, coherent := r.Dir&Out != 0, p.info.Coherent
	if b.writing > 0 || writes && b.brackets > 0 {
		return fmt.Errorf("%v as %v argument of %s while a CPU bracket is open: %w", b, r.Dir, method, ErrBusy)
	}
	for i := range b.uses {
		u := &b.uses[i]
		if u.coherent != coherent && (u.writes || writes) {
			return fmt.Errorf("%w; %s does not see the same caches", b.busy("use by "+p.info.Name, u), p.info.Name)
		}
		if !u.abandoned.IsZero() && (u.writes || writes) {
			return b.busy("use by "+method, u)
		}
	}
	fresh, err := b.attach(p)
	if err != nil {
		return err
	}
	if err := b.toProcessor(p, fresh); err != nil {
		return err
	}
	b.uses = append(b.uses, use{ticket: ticket, writes: writes, coherent: coherent, method: method, processor: p.info.Name})
	return nil
}

// toProcessor makes what the processor sees as new as what was written elsewhere. b.mu is held.
func (b *Buffer) toProcessor(p *processor, fresh bool) error {
	if b.malloc {
		b.cacheNewer = true
	}
	if !p.info.Coherent {
		// Also where nothing is to be synchronised now: after the call it will be.
		if r, _ := b.entry.Result(p.target); r.Attachment == nil && !r.Uncached && !r.SelfSync {
			return fmt.Errorf("%v for %s, address by %s: %w", b, p.info.Name, r.Provenance, bufmap.ErrNoAttachment)
		}
	}
	switch {
	case p.info.Coherent && b.memNewer:
		if err := b.sync(b.mem.SyncStart, dmabuf.Read); err != nil {
			return err
		}
		b.memNewer = false
	case p.info.Coherent || !b.cacheNewer:
		b.rt.stats.elided.Add(1)
	case fresh && !b.malloc:
		b.cacheNewer = false
		b.rt.stats.elided.Add(1)
	default:
		if err := b.sync(b.mem.SyncEnd, dmabuf.Write); err != nil {
			return err
		}
		b.cacheNewer = false
	}
	return nil
}

func (b *Buffer) wrote(coherent bool) {
	if coherent {
		b.cacheNewer = true
	} else {
		b.memNewer = true
	}
}

// release takes the buffer back from the call with that ticket, which has ended on the remote. It frees a buffer that was closed meanwhile.
func (b *Buffer) release(ticket uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	kept := b.uses[:0]
	for _, u := range b.uses {
		if u.ticket != ticket {
			kept = append(kept, u)
			continue
		}
		if u.writes {
			b.wrote(u.coherent)
		}
	}
	clear(b.uses[len(kept):])
	b.uses = kept
	b.wakeLocked()
	if b.malloc && b.memNewer && !b.closed {
		// Nobody opens a bracket around malloc memory, so the CPU sees the result now or never.
		if err = b.sync(b.mem.SyncStart, dmabuf.Read); err == nil {
			b.memNewer = false
		}
	}
	if b.closed && len(b.uses) == 0 {
		err = errors.Join(err, b.free())
	}
	return err
}

// abandon marks the uses of a call whose caller has left.
func (b *Buffer) abandon(ticket uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.uses {
		if b.uses[i].ticket == ticket {
			b.uses[i].abandoned = time.Now()
		}
	}
	b.wakeLocked()
}
