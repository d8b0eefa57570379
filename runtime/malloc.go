// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
)

// MallocAlign is the least alignment in bytes, for the CPU and for processors, of what MallocDDR and MallocMSMC return, as
// TI's host-malloc extension promises. The real one is a page.
const MallocAlign = 128

// mallocTime bounds an allocation, which has no context of its own.
const mallocTime = 10 * time.Second

// MallocDDR allocates size bytes of contiguous memory that the CPU may touch at any time except while a call uses it, as TI
// OpenCL's __malloc_ddr does: no brackets, the runtime writes caches back before each call that uses the memory and
// invalidates them after each that wrote it. Slices of the memory are arguments through RefOf. A Buffer with brackets is
// cheaper, because nothing is synchronised in vain.
func (rt *Runtime) MallocDDR(size int64) ([]byte, error) { return rt.mallocFrom(rt.ddr, size) }

// MallocMSMC is MallocDDR from on-chip memory. It never falls back to DDR.
func (rt *Runtime) MallocMSMC(size int64) ([]byte, error) { return rt.mallocFrom(rt.msmc, size) }

func (rt *Runtime) mallocFrom(heap string, size int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mallocTime)
	defer cancel()
	b, err := rt.Alloc(ctx, AllocConfig{Size: size, Heap: heap, Name: "malloc"})
	if err != nil {
		return nil, err
	}
	p, err := b.expose()
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return p, nil
}

// expose opens the one bracket that lasts as long as the buffer and makes its addresses known.
func (b *Buffer) expose() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.mem.Open(dmabuf.ReadWrite); err != nil {
		return nil, err
	}
	b.malloc = true
	if err := b.entry.Index(); err != nil {
		return nil, err
	}
	p, err := b.mem.Bytes()
	if err != nil {
		return nil, err
	}
	return p[:b.size:b.size], nil
}

// Free frees what MallocDDR or MallocMSMC returned, from whichever heap. p must begin where that began. Anything else, also
// nil, is reported as an error that wraps ErrUnknownPointer and changes nothing.
func (rt *Runtime) Free(p []byte) error {
	b, offset, err := rt.find(p)
	if err == nil && offset != 0 {
		err = fmt.Errorf("%v, offset %d: only its beginning can be freed: %w", b, offset, ErrUnknownPointer)
	}
	if err != nil {
		return fmt.Errorf("free: %w", err)
	}
	return b.closeMalloc()
}

// closeMalloc frees a malloc buffer, of two concurrent callers for one.
func (b *Buffer) closeMalloc() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("free: %v: freed already: %w", b, ErrUnknownPointer)
	}
	return b.closeLocked()
}

// RefOf returns the range of memory from MallocDDR or MallocMSMC that p covers, anywhere in it, as an argument of a call.
func (rt *Runtime) RefOf(p []byte, d Direction) (Ref, error) {
	b, offset, err := rt.find(p)
	if err != nil {
		return Ref{}, err
	}
	if err := b.CheckRange(offset, int64(len(p))); err != nil {
		return Ref{}, err
	}
	return b.Range(offset, int64(len(p)), d), nil
}

// Resolve returns the buffer behind p, the offset of p in it, and where the processor sees it.
func (rt *Runtime) Resolve(processorName string, p []byte) (b *Buffer, offset int64, d bufmap.DeviceAddr, err error) {
	b, offset, err = rt.find(p)
	if err != nil {
		return nil, 0, 0, err
	}
	d, err = b.DeviceAddress(processorName, offset, int64(len(p)))
	return b, offset, d, err
}

func (b *Buffer) isMalloc() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.malloc
}

func (rt *Runtime) find(p []byte) (*Buffer, int64, error) {
	if cap(p) == 0 {
		return nil, 0, fmt.Errorf("empty slice: %w", ErrUnknownPointer)
	}
	entry, offset, err := rt.buffers.Find(address(p))
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnknownPointer, err)
	}
	k, ok := entry.Owner().(*block)
	if !ok {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnknownPointer, os.ErrInvalid)
	}
	b := k.owner.Load()
	if b == nil || !b.isMalloc() {
		return nil, 0, fmt.Errorf("%w: the memory is freed, or of a Buffer", ErrUnknownPointer)
	}
	return b, offset, nil
}
