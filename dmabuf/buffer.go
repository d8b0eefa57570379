// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
)

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

	// life is held for reading while the exporter works and for writing by Close, so that no operation meets a buffer
	// that was released. It is taken before mu.
	life sync.RWMutex

	mu       sync.Mutex
	mapping  []byte // nil until the first CPU access
	window   []byte // the mapping without what lies behind the buffer
	brackets int    // open brackets
	checked  bool   // mapping is inaccessible while brackets == 0
	closed   bool   // written with life and mu held

	// shown is &window while a bracket is open, so that Bytes takes no lock.
	shown atomic.Pointer[[]byte]
}

// New returns a buffer of an exporter of the caller's own, as dma_buf_export does in the kernel. The buffer owns what is
// behind ops until Close, which calls Release.
func New(ops Ops, info Info) (*Buffer, error) {
	if ops == nil {
		return nil, fmt.Errorf("buffer %q: no exporter: %w", info.Name, os.ErrInvalid)
	}
	if info.Size <= 0 || info.Size > maxSize {
		return nil, fmt.Errorf("buffer %q of %s: size of %d bytes: %w", info.Name, info.Heap, info.Size, os.ErrInvalid)
	}
	return &Buffer{ops: ops, info: info}, nil
}

// maxSize is more than any machine can map: the user half of a 48 bit address space, or all of a 32 bit one.
const maxSize = min(math.MaxInt, 1<<47)

// Size is the size in bytes.
func (b *Buffer) Size() int64 { return b.info.Size }

// Name is the label given at allocation.
func (b *Buffer) Name() string { return b.info.Name }

// Heap is the name of the heap or exporter.
func (b *Buffer) Heap() string { return b.info.Heap }

// Inode is the unique number of the buffer.
func (b *Buffer) Inode() uint64 { return b.info.Inode }

// Info describes the buffer.
func (b *Buffer) Info() Info { return b.info }

// String names the buffer in errors and logs.
func (b *Buffer) String() string { return fmt.Sprintf("buffer %q of %s", b.info.Name, b.info.Heap) }

// FD is the number of the buffer's file descriptor. The buffer keeps owning it: it is valid until Close. Buffers of
// exporters without descriptors return errors.ErrUnsupported.
func (b *Buffer) FD() (int, error) {
	b.life.RLock()
	defer b.life.RUnlock()
	if b.closed {
		return -1, b.errorf("file descriptor", os.ErrClosed)
	}
	if o, ok := b.ops.(interface{ FD() int }); ok {
		return o.FD(), nil
	}
	return -1, b.errorf("file descriptor: the exporter has none", errors.ErrUnsupported)
}

// CheckRange reports whether n bytes at off lie inside the buffer. An empty range may lie at the end. The error wraps
// ErrRange.
func (b *Buffer) CheckRange(off, n int64) error {
	if off < 0 || n < 0 || off > b.info.Size || n > b.info.Size-off {
		return fmt.Errorf("%v of %d bytes: %d bytes at offset %d: %w", b, b.info.Size, n, off, ErrRange)
	}
	return nil
}

// Close unmaps and releases the buffer. It is idempotent. A bracket that is still open is reported as an error, because
// its bytes are gone; the buffer is closed all the same. Close waits for a SYNC that is under way.
func (b *Buffer) Close() error {
	b.life.Lock()
	defer b.life.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	b.shown.Store(nil)
	var errs []error
	if b.brackets > 0 {
		errs = append(errs, fmt.Errorf("%d CPU access brackets were still open", b.brackets))
	}
	if b.mapping != nil {
		errs = append(errs, b.ops.Munmap(b.mapping))
		b.mapping = nil
	}
	errs = append(errs, b.ops.Release())
	if err := errors.Join(errs...); err != nil {
		return b.errorf("closing", err)
	}
	return nil
}

func (b *Buffer) errorf(op string, err error) error { return fmt.Errorf("%v: %s: %w", b, op, err) }
