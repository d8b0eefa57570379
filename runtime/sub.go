// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"os"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/subbuf"
)

// SubConfig says which part of a buffer becomes a sub-buffer. Region and Access are needed.
type SubConfig struct {
	// Region is a subbuf.Range or a subbuf.Rect of the buffer.
	Region subbuf.Region
	// Access is what the processor does with it.
	Access dmabuf.Access
	Mode   subbuf.Mode
	// Heap is where the copy lies; "" is the heap of the buffer.
	Heap string
	Name string
	// RowPitch and SlicePitch are the distances of rows and slices in the copy; 0 means without gaps.
	RowPitch, SlicePitch int64
}

// Sub is a part of a Buffer with a DMA-BUF of its own, or one that shares its parent's where that is correct and cheaper.
// Commit writes back what the processor wrote.
type Sub struct {
	*subbuf.Sub
	mem *Buffer
}

// Sub makes a sub-buffer. It overlaps no other one if either is written by its processor (subbuf.ErrOverlap). The buffer
// must stay open as long as its sub-buffers.
func (b *Buffer) Sub(ctx context.Context, c SubConfig) (*Sub, error) {
	set, err := b.subs()
	if err != nil {
		return nil, err
	}
	heap := c.Heap
	if heap == "" {
		heap = b.Heap()
	}
	s, err := set.New(subbuf.Spec{
		Region: c.Region, Access: c.Access, Mode: c.Mode, Name: c.Name, RowPitch: c.RowPitch, SlicePitch: c.SlicePitch,
		Alloc: func(size int64, name string) (subbuf.Memory, error) {
			m, err := b.rt.Alloc(ctx, AllocConfig{
				Size: size, Heap: heap, Name: name,
				// What is filled from the parent needs no zeros first. All copies of a parent have one owner.
				owner: b.owner, Keep: c.Access&dmabuf.Read != 0,
			})
			if err != nil {
				return nil, err
			}
			return m, nil
		},
	})
	if err != nil {
		return nil, err
	}
	mem, ok := s.Memory().(*Buffer)
	if !ok {
		return nil, fmt.Errorf("%v: memory of another kind: %w", s.Name(), os.ErrInvalid)
	}
	return &Sub{Sub: s, mem: mem}, nil
}

// subs returns the set of sub-buffers of b.
func (b *Buffer) subs() (*subbuf.Set, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("%v: making a sub-buffer: %w", b, os.ErrClosed)
	}
	if b.set == nil {
		set, err := subbuf.NewSet(subbuf.Config{
			Parent: b,
			Cost:   *b.rt.cost.Load(),
			Alloc: func(size int64, name string) (subbuf.Memory, error) {
				return nil, fmt.Errorf("%q, %d bytes: no heap: %w", name, size, os.ErrInvalid)
			},
		})
		if err != nil {
			return nil, err
		}
		b.set = set
	}
	return b.set, nil
}

// Buffer is the memory of the sub-buffer: its own DMA-BUF, or the parent when shared.
func (s *Sub) Buffer() *Buffer { return s.mem }

// In is the whole sub-buffer for the remote to read.
func (s *Sub) In() Ref { return s.Range(0, s.Len(), In) }

// Out is the whole sub-buffer for the remote to write.
func (s *Sub) Out() Ref { return s.Range(0, s.Len(), Out) }

// InOut is the whole sub-buffer for the remote to read and write.
func (s *Sub) InOut() Ref { return s.Range(0, s.Len(), InOut) }

// Range is length bytes of the sub-buffer from offset. A range that does not lie in the sub-buffer, or a direction that it
// was not made for, makes a Ref that every call refuses.
func (s *Sub) Range(offset, length int64, d Direction) Ref {
	if offset < 0 || length < 0 || offset > s.Len() || length > s.Len()-offset {
		return Ref{Buffer: s.mem, Offset: -1, Length: length, Dir: d}
	}
	if d&Out != 0 && s.Access()&dmabuf.Write == 0 || d&In != 0 && s.Access()&dmabuf.Read == 0 {
		return Ref{Buffer: s.mem, Offset: s.Offset() + offset, Length: length}
	}
	return s.mem.Range(s.Offset()+offset, length, d)
}
