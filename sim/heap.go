// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

// heap is one DMA-BUF heap over a region of its own.
type heap struct {
	cfg    HeapConfig
	board  *Board
	region *region

	mu     sync.Mutex
	ranges *freeList  // contiguous heaps
	pages  *pageStack // others, made by the first allocation
}

func (h *heap) info() runtime.HeapInfo {
	free, largest := h.free()
	return runtime.HeapInfo{
		Name: h.cfg.Name, Aliases: append([]string(nil), h.cfg.Aliases...),
		Contiguous: !h.cfg.Scattered, Cached: !h.cfg.Uncached, Mappable: !h.cfg.NotMappable, Zeroed: true, OnChip: h.cfg.OnChip,
		Size: h.cfg.Size, Free: int64(free), LargestFree: int64(largest),
	}
}

func (h *heap) free() (free, largest uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ranges != nil:
		return h.ranges.total, h.ranges.largest()
	case h.pages == nil:
		return h.region.size, h.region.size
	}
	n := uint64(len(h.pages.free)) * pageSize
	return n, n
}

// take finds memory for a buffer.
func (h *heap) take(size uint64) ([]extent, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ranges != nil {
		addr, ok := h.ranges.alloc(size)
		if !ok {
			return nil, false
		}
		s := span{addr, size}
		h.region.zero(s)
		return []extent{{s, 0}}, true
	}
	if h.pages == nil {
		h.pages = newPageStack(h.region.span)
	}
	if size/pageSize > math.MaxInt32 {
		return nil, false
	}
	pages, ok := h.pages.alloc(int(size / pageSize))
	if !ok {
		return nil, false
	}
	list := make([]extent, len(pages))
	for i, p := range pages {
		list[i] = extent{span{p, pageSize}, uint64(i) * pageSize}
		h.region.zero(list[i].span)
	}
	return list, true
}

// release takes back the memory of a buffer.
func (h *heap) release(b *buffer) {
	for _, e := range b.extent {
		h.region.own(e.span, nil, 0)
	}
	h.mu.Lock()
	for _, e := range b.extent {
		if h.ranges != nil {
			h.ranges.release(e.span)
		} else {
			h.pages.release(e.addr)
		}
	}
	h.mu.Unlock()
	h.board.unref()
}

// Alloc implements runtime.Board. The heap may also be given by an alias.
func (b *Board) Alloc(ctx context.Context, name string, size int64, label string) (*dmabuf.Buffer, error) {
	h := b.heap(name)
	fail := func(err error) (*dmabuf.Buffer, error) {
		return nil, fmt.Errorf("buffer %q of %s, %d bytes: %w", label, name, size, err)
	}
	switch {
	case ctx.Err() != nil:
		return fail(ctx.Err())
	case h == nil:
		return fail(fmt.Errorf("no heap of that name, there are %v: %w", b.heapNames(), fs.ErrNotExist))
	case size <= 0:
		return fail(fmt.Errorf("%w: %w", os.ErrInvalid, syscall.EINVAL))
	}
	if b.faults.takeAlloc(h.cfg.Name) {
		return fail(h.noMemory("an injected fault"))
	}
	if uint64(size) > h.region.size {
		return fail(h.noMemory("larger than the heap"))
	}
	if err := b.ref(); err != nil {
		return fail(err)
	}
	if err := h.region.open(); err != nil {
		b.unref()
		return fail(err)
	}
	rounded := (size + pageSize - 1) &^ (pageSize - 1)
	list, ok := h.take(uint64(rounded))
	if !ok {
		b.unref()
		return fail(h.noMemory(""))
	}
	n := &buffer{board: b, heap: h, extent: list, info: dmabuf.Info{Heap: h.cfg.Name, Name: label, Size: rounded, Inode: b.inodes.Add(1)}}
	n.refs.Store(1)
	if n.contiguous() {
		n.mem = h.region.bytes(list[0].addr, list[0].size)
	}
	for _, e := range list {
		h.region.own(e.span, n, e.off)
	}
	d, err := dmabuf.New(n, n.info)
	if err != nil {
		n.unref()
		return fail(err)
	}
	b.remember(n, d)
	if b.cfg.Checked && !h.cfg.NotMappable {
		if err := d.SetChecked(true); err != nil {
			d.Close()
			return fail(err)
		}
	}
	return d, nil
}

func (h *heap) noMemory(why string) error {
	free, largest := h.free()
	if why != "" {
		why = " (" + why + ")"
	}
	return fmt.Errorf("heap %q of %d bytes has %d free, the largest free range is %d%s: %w",
		h.cfg.Name, h.cfg.Size, free, largest, why, syscall.ENOMEM)
}
