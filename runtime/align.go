// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/offload-runtime/offload/bufmap"
)

// ErrAlign: no memory with the alignment that was asked for could be found.
var ErrAlign = errors.New("memory is not aligned")

// alignTries is how often allocAligned moves on: past the holes that memory of other shapes has left.
const alignTries = 64

// place attaches a new buffer to the processors that it is for, and says how far it is from its alignment.
func (b *Buffer) place(list []*processor, align int64) (off uint64, at bufmap.PhysAddr, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.rt.processors {
		// An attachment of an earlier owner would cost a pass of every SYNC. With a processor's bytes in memory it is needed.
		if len(list) == 0 || b.memNewer || slices.Contains(list, p) {
			continue
		}
		if err := b.detach(p); err != nil {
			return 0, 0, err
		}
	}
	for _, p := range list {
		if _, err := b.attach(p); err != nil {
			return 0, 0, err
		}
		if r, _ := b.entry.Result(p.target); align > resident {
			off, at = max(off, uint64(r.Phys)&uint64(align-1)), r.Phys
		}
	}
	return off, at, nil
}

// allocAligned allocates from one heap, attaches, and aligns: heaps take no alignment from user space (struct
// dma_heap_allocation_data has none), so that memory in the wrong place and gaps are held until the next range begins where
// it should.
func (rt *Runtime) allocAligned(ctx context.Context, h HeapInfo, c *AllocConfig, list []*processor) (_ *Buffer, err error) {
	var held []*Buffer
	defer func() {
		for _, g := range held {
			err = joined(err, g.discard())
		}
	}()
	for try := 1; ; try++ {
		b, err := rt.allocOne(ctx, h, c, list)
		if err != nil || len(list) == 0 {
			return b, err
		}
		off, at, err := b.place(list, c.Align)
		if err == nil && off == 0 {
			return b, nil
		}
		held = append(held, b)
		if err != nil {
			return nil, err
		}
		if try == alignTries {
			return nil, fmt.Errorf("heap %q, %d bytes: physical %#x is no multiple of %d, after %d tries: %w", h.Name, c.Size, uint64(at), c.Align, try, ErrAlign)
		}
		gap := -(int64(off) + pages(c.Size)) & (c.Align - 1)
		if gap == 0 {
			continue
		}
		if b, err = rt.allocOne(ctx, h, &AllocConfig{Size: gap, Name: "alignment gap"}, nil); err != nil {
			return nil, err
		}
		held = append(held, b)
	}
}
