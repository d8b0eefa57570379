// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
)

// extent is a part of a buffer that is contiguous in physical memory.
type extent struct {
	span
	off uint64
}

// buffer is the exporter's side of one DMA-BUF. Its bytes exist up to three times, as in a machine with caches: in memory,
// in the CPU's cache (view, which the CPU mapping shows), and as they were when both last agreed (last), which tells the
// dirty lines of the cache.
type buffer struct {
	board  *Board
	heap   *heap
	info   dmabuf.Info
	extent []extent
	mem    []byte // in memory; nil if not contiguous

	// refs counts the Buffer, its attachments, and processors that work on view. The memory is freed with the last one.
	refs atomic.Int64

	mu          sync.Mutex
	cpu         []byte // the user's mapping of view
	view        []byte
	last        []byte
	cold        bool // invalidated before view existed: the first access reads memory
	attached    int  // attachments
	nonCoherent int  // of them: of processors that do not see the CPU's cache
}

func (b *buffer) contiguous() bool { return len(b.extent) == 1 }

// Mmap implements dmabuf.Ops.
func (b *buffer) Mmap() ([]byte, error) {
	if b.heap.cfg.NotMappable {
		return nil, fmt.Errorf("heap %q: %w", b.heap.cfg.Name, dmabuf.ErrNotMappable)
	}
	if b.heap.cfg.Uncached {
		off := b.extent[0].addr - b.heap.region.addr
		n := off + b.extent[0].size
		return b.heap.region.cpu[off:n:n], nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.viewLocked(); err != nil {
		return nil, err
	}
	return b.cpu, nil
}

// Munmap implements dmabuf.Ops. The cache keeps what it holds.
func (b *buffer) Munmap(p []byte) error {
	if b.heap.cfg.Uncached && len(p) > 0 {
		return sys.Mprotect(p, sys.ProtReadWrite) // the next owner of the range must not find it fenced
	}
	return nil
}

// viewLocked makes the cache of the buffer. New buffers hold zeros, and so does the cache, unless it was invalidated.
func (b *buffer) viewLocked() error {
	if b.view != nil {
		return nil
	}
	cpu, view, err := mapTwice(b.info.Name, b.info.Size)
	if err != nil {
		return err
	}
	b.cpu, b.view = cpu, view
	if b.cold && b.mem != nil {
		if err := b.lastLocked(); err != nil {
			return err
		}
		invalidate(b.view, b.last, b.mem)
	}
	return nil
}

func (b *buffer) lastLocked() (err error) {
	if b.last == nil {
		b.last, err = sys.MmapAnon(b.info.Size)
	}
	return err
}

func (b *buffer) cached() bool { return !b.heap.cfg.NotMappable && !b.heap.cfg.Uncached }

// BeginCPUAccess implements dmabuf.Ops as arm64 does: reading invalidates, writing alone does nothing
// (arch/arm64/mm/dma-mapping.c), and without a mapped attachment of a non-coherent device nothing happens at all.
func (b *buffer) BeginCPUAccess(a dmabuf.Access) error {
	b.board.count.syncStart.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nonCoherent == 0 || a&dmabuf.Read == 0 || !b.cached() {
		b.board.count.syncIdle.Add(1)
		return nil
	}
	return b.invalidateLocked()
}

// EndCPUAccess implements dmabuf.Ops: it cleans in whatever direction.
func (b *buffer) EndCPUAccess(dmabuf.Access) error {
	b.board.count.syncEnd.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nonCoherent == 0 || !b.cached() {
		b.board.count.syncIdle.Add(1)
		return nil
	}
	return b.cleanLocked()
}

func (b *buffer) cleanLocked() error {
	if b.view == nil || b.mem == nil {
		return nil // nothing was ever in the cache
	}
	if err := b.lastLocked(); err != nil {
		return err
	}
	b.board.count.cleaned.Add(clean(b.view, b.last, b.mem))
	return nil
}

func (b *buffer) invalidateLocked() error {
	if b.view == nil || b.mem == nil {
		b.cold = true
		return nil
	}
	if err := b.lastLocked(); err != nil {
		return err
	}
	lines, lost := invalidate(b.view, b.last, b.mem)
	b.board.count.invalidated.Add(lines)
	b.board.count.lost.Add(lost)
	return nil
}

// attach is dma_buf_map_attachment: for a non-coherent device it cleans.
func (b *buffer) attach(coherent bool) (*attachment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.pin() {
		return nil, os.ErrClosed
	}
	if !coherent && b.cached() {
		if err := b.cleanLocked(); err != nil {
			b.refs.Add(-1)
			return nil, err
		}
	}
	b.attached++
	if !coherent {
		b.nonCoherent++
	}
	b.board.count.attached.Add(1)
	return &attachment{b: b, coherent: coherent}, nil
}

// attachment is the record that a processor uses the buffer.
type attachment struct {
	b        *buffer
	coherent bool
	closed   atomic.Bool
}

// Close is dma_buf_unmap_attachment: for a non-coherent device it invalidates.
func (a *attachment) Close() error {
	if a.closed.Swap(true) {
		return nil
	}
	b := a.b
	b.mu.Lock()
	var err error
	if !a.coherent {
		if b.cached() {
			err = b.invalidateLocked()
		}
		b.nonCoherent--
	}
	b.attached--
	b.mu.Unlock()
	b.board.count.detached.Add(1)
	if e := b.unref(); err == nil {
		err = e
	}
	return err
}

// bytes returns the n bytes at off as a processor finds them; the caller holds a reference.
func (b *buffer) bytes(coherent bool, off, n uint64) ([]byte, error) {
	if coherent && b.cached() {
		b.mu.Lock()
		err := b.viewLocked()
		v := b.view
		b.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return v[off : off+n : off+n], nil
	}
	return b.mem[off : off+n : off+n], nil
}

// Release implements dmabuf.Ops.
func (b *buffer) Release() error {
	b.board.forget(b)
	return b.unref()
}

// pin takes a reference unless the last one is gone.
func (b *buffer) pin() bool {
	for n := b.refs.Load(); n > 0; n = b.refs.Load() {
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (b *buffer) unref() error {
	if b.refs.Add(-1) > 0 {
		return nil
	}
	err := sys.Munmap(b.cpu)
	for _, m := range [][]byte{b.view, b.last} {
		if e := sys.Munmap(m); err == nil {
			err = e
		}
	}
	b.cpu, b.view, b.last = nil, nil, nil
	b.heap.release(b)
	return err
}
