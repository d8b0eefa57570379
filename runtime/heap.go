// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/dmabuf"
)

// AllocConfig says what to allocate. Size is in bytes and is rounded up to whole pages.
type AllocConfig struct {
	Size int64
	Heap string // name or alias; "" is the runtime's DDR heap
	Name string // for people: errors, logs, the kernel's lists
}

// Heaps lists the heaps of the board.
func (rt *Runtime) Heaps() ([]HeapInfo, error) { return rt.board.Heaps() }

// heap finds a heap by name or alias; names go before aliases.
func (rt *Runtime) heap(name string) (HeapInfo, error) {
	list, err := rt.board.Heaps()
	if err != nil {
		return HeapInfo{}, err
	}
	for _, h := range list {
		if h.Name == name {
			return h, nil
		}
	}
	var have []string
	for _, h := range list {
		if slices.Contains(h.Aliases, name) {
			return h, nil
		}
		s := h.Name
		if len(h.Aliases) > 0 {
			s += " (" + strings.Join(h.Aliases, ", ") + ")"
		}
		have = append(have, s)
	}
	if have == nil {
		have = []string{"none"}
	}
	return HeapInfo{}, fmt.Errorf("heap %q: %w; board %s has: %s", name, fs.ErrNotExist, rt.board.Name(), strings.Join(have, ", "))
}

// Alloc allocates a buffer. Its contents are zero where the heap zeroes (HeapInfo.Zeroed). The error wraps ErrNoMemory when
// the heap is exhausted, fs.ErrNotExist for an unknown heap and os.ErrInvalid for a size that is not positive.
func (rt *Runtime) Alloc(ctx context.Context, c AllocConfig) (*Buffer, error) {
	if c.Heap == "" {
		c.Heap = rt.ddr
	}
	if c.Size <= 0 {
		return nil, fmt.Errorf("allocating %q from heap %q: size of %d bytes: %w", c.Name, c.Heap, c.Size, os.ErrInvalid)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("allocating %q from heap %q: %w", c.Name, c.Heap, err)
	}
	h, err := rt.heap(c.Heap)
	if err != nil {
		return nil, fmt.Errorf("allocating %q: %w", c.Name, err)
	}
	mem, err := rt.board.Alloc(ctx, h.Name, c.Size, c.Name)
	if err != nil {
		if errors.Is(err, syscall.ENOMEM) {
			err = fmt.Errorf("%w: %w", ErrNoMemory, err)
		}
		return nil, fmt.Errorf("allocating %q: %w", c.Name, err)
	}
	return rt.adopt(mem, c.Size, true)
}

// Adopt takes over a buffer from elsewhere: imported from another driver, or allocated on a heap directly. Its exporter's
// SYNC is issued at both ends of every bracket, because only the exporter knows what else they do. On error the buffer stays
// the caller's.
func (rt *Runtime) Adopt(mem *dmabuf.Buffer) (*Buffer, error) {
	if mem == nil {
		return nil, fmt.Errorf("adopting a buffer: none given: %w", os.ErrInvalid)
	}
	return rt.adopt(mem, mem.Size(), false)
}

// adopt makes a Buffer of size bytes, of which mem may have more. owned says that mem is ours to close on error.
func (rt *Runtime) adopt(mem *dmabuf.Buffer, size int64, owned bool) (b *Buffer, err error) {
	defer func() {
		if err != nil && owned {
			err = errors.Join(err, mem.Close())
		}
	}()
	if rt.checked {
		if err := mem.SetChecked(true); err != nil {
			return nil, err
		}
	}
	entry, err := rt.buffers.Add(mem)
	if err != nil {
		return nil, err
	}
	b = &Buffer{rt: rt, mem: mem, entry: entry, size: size, foreign: !owned}
	entry.SetOwner(b)
	// The exporter of a heap zeroes through the CPU's caches.
	b.cacheNewer = true
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.closed {
		return nil, errors.Join(fmt.Errorf("allocating %q: runtime: %w", mem.Name(), os.ErrClosed), entry.Close())
	}
	rt.live[b] = struct{}{}
	return b, nil
}
