// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// Access says what the CPU does with a buffer. The values are those of DMA_BUF_SYNC_READ and DMA_BUF_SYNC_WRITE.
type Access uint8

const (
	Read      Access = 1 << iota // the CPU reads
	Write                        // the CPU writes
	ReadWrite = Read | Write
)

func (a Access) String() string {
	switch a {
	case 0:
		return "none"
	case Read:
		return "read"
	case Write:
		return "write"
	case ReadWrite:
		return "read-write"
	}
	return fmt.Sprintf("access(%#x)", uint8(a))
}

func (a Access) valid() bool { return a != 0 && a&^ReadWrite == 0 }

// Ops is what the exporter of a buffer does for it: the part of the kernel's struct dma_buf_ops that user space can reach.
// Methods may be called concurrently, except Mmap, Munmap and Release, which a Buffer serialises.
type Ops interface {
	// Mmap maps the whole buffer shared and writable. An exporter whose memory the CPU cannot map returns an error that
	// wraps errors.ErrUnsupported.
	Mmap() ([]byte, error)
	// Munmap takes the slice that Mmap returned.
	Munmap([]byte) error
	// BeginCPUAccess is DMA_BUF_IOCTL_SYNC with START.
	BeginCPUAccess(Access) error
	// EndCPUAccess is DMA_BUF_IOCTL_SYNC with END.
	EndCPUAccess(Access) error
	// Release gives up the exporter's reference. It is called once.
	Release() error
}

// Info describes a buffer. Size is in bytes, a multiple of the page size.
type Info struct {
	Heap  string // name of the heap or exporter
	Name  string // label for people: errors, logs, DMA_BUF_SET_NAME
	Size  int64
	Inode uint64 // unique number of the buffer; the inode of its file on Linux
}

var (
	// ErrNotMappable is returned for CPU access to a buffer that the CPU cannot map, such as one of a secure heap.
	ErrNotMappable = fmt.Errorf("the CPU cannot map this buffer: %w", errors.ErrUnsupported)
	// ErrNoBracket is returned where the bytes of a buffer are asked for outside Begin and End.
	ErrNoBracket = errors.New("CPU access outside a Begin/End bracket")
	// ErrRange is returned for an offset and length that do not lie inside the buffer.
	ErrRange = errors.New("range outside the buffer")
)

// Buffer is one DMA-BUF. The zero value is not usable; see New, Import and Heap.Alloc.
type Buffer struct {
	ops  Ops
	info Info

	mu       sync.Mutex
	mapping  []byte // nil until the first CPU access
	brackets int    // open brackets
	checked  bool   // mapping is inaccessible while brackets == 0
	closed   bool
}
