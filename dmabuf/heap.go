// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// HeapDir is where the kernel puts the heaps.
const HeapDir = "/dev/dma_heap"

// Heap is one open heap node. Its methods may be called from several goroutines.
type Heap struct {
	fd   *sys.FD
	name string
}

// Heaps lists the names in a heap directory, sorted. An empty dir means HeapDir. Names differ between kernels for the same
// memory (linux,cma, reserved, default-pool, default_cma_region): list, don't assume.
func Heaps(dir string) ([]string, error) {
	if dir == "" {
		dir = HeapDir
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("listing heaps: %w (is CONFIG_DMABUF_HEAPS set?)", err)
		}
		return nil, fmt.Errorf("listing heaps: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// OpenHeap opens the heap node at path, such as /dev/dma_heap/system. Reading access is all that allocation needs.
func OpenHeap(path string) (*Heap, error) {
	fd, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("heap %q: %w", filepath.Base(path), err)
	}
	return &Heap{fd: fd, name: filepath.Base(path)}, nil
}

// Name is the name of the heap.
func (h *Heap) Name() string { return h.name }

// Close closes the node. Buffers of the heap live on.
func (h *Heap) Close() error { return h.fd.Close() }

// Alloc allocates a buffer of at least size bytes, rounded up to whole pages by the kernel. The name, cut to 31 bytes,
// labels it in fdinfo and debugfs.
func (h *Heap) Alloc(size int64, name string) (*Buffer, error) {
	if _, err := pages(h.name, name, size); err != nil {
		return nil, fmt.Errorf("allocating: %w", err)
	}
	if err := checkAvailable(h.name, size); err != nil {
		return nil, h.allocError(size, name, err)
	}
	arg := uapi.DMAHeapAllocationData{
		Len: uint64(size),
		// A DMA-BUF without O_RDWR cannot be mapped for writing (EACCES).
		FDFlags: uint32(os.O_RDWR | syscall.O_CLOEXEC),
	}
	if _, err := sys.Ioctl(h.fd, uapi.DMAHeapAlloc, &arg); err != nil {
		return nil, h.allocError(size, name, err)
	}
	fd := sys.Own(int(arg.FD), "dmabuf fd "+strconv.FormatUint(uint64(arg.FD), 10))
	// Kernels before 5.3 have no names; a buffer without one works as well.
	if err := setName(fd, name); err != nil && !errors.Is(err, syscall.ENOTTY) {
		return nil, errors.Join(fmt.Errorf("buffer %q of %s: naming it: %w", name, h.name, err), fd.Close())
	}
	b, err := newKernel(fd, Info{Heap: h.name, Name: name})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("buffer %q of %s: %w", name, h.name, err), fd.Close())
	}
	return b, nil
}

func (h *Heap) allocError(size int64, name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.ENOMEM):
		hint = " (the heap is exhausted, fragmented or smaller than that)"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTTY):
		hint = " (is this node a DMA heap?)"
	}
	return fmt.Errorf("allocating buffer %q: %d bytes of heap %s: %w%s", name, size, h.name, err, hint)
}
