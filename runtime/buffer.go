// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/subbuf"
)

var (
	_ io.ReaderAt = (*Buffer)(nil)
	_ io.WriterAt = (*Buffer)(nil)
)

// Buffer is memory that the CPU and processors share, with a record of who owns it.
type Buffer struct {
	rt      *Runtime
	mem     *dmabuf.Buffer
	entry   *bufmap.Entry
	block   *block // mem and entry, which go on to the next Buffer
	name    string
	owner   string // label for reuse and quotas
	heap    string
	size    int64
	foreign bool // exported elsewhere: brackets always issue SYNC
	malloc  bool // from MallocDDR or MallocMSMC: the CPU may touch it at any time

	mu sync.Mutex
	ownership
	brackets int // open CPU brackets
	writing  int // of them, for writing
	uses     []use
	closed   bool
	escaped  bool          // the DMA-BUF was given out, so that no other Buffer may have it
	changed  chan struct{} // closed when uses change; nil unless somebody waits
	set      *subbuf.Set   // of sub-buffers; nil until the first
}

// use is one call that has the buffer, or had it when its caller left.
type use struct {
	ticket    uint64 // of the call; no two calls of a runtime have the same
	writes    bool
	coherent  bool
	abandoned time.Time // zero while the caller waits
	method    string
	processor string
}

// Name is the label given at allocation.
func (b *Buffer) Name() string { return b.name }

// Heap is the name of the heap or exporter.
func (b *Buffer) Heap() string { return b.heap }

// Size is the size in bytes that was asked for. The DMA-BUF behind it is rounded up to pages, and of reused memory up to a
// quarter larger.
func (b *Buffer) Size() int64 { return b.size }

// DMABuf returns the DMA-BUF, which stays the Buffer's. Access through it escapes the record of ownership. Memory that was
// given out so is not reused after Close.
func (b *Buffer) DMABuf() *dmabuf.Buffer {
	b.mu.Lock()
	b.escaped = true
	b.mu.Unlock()
	return b.mem
}

func (b *Buffer) String() string {
	return fmt.Sprintf("buffer %q (%s, %d bytes)", b.Name(), b.Heap(), b.size)
}

// CheckRange reports a range that does not lie inside the buffer as an error that wraps dmabuf.ErrRange.
func (b *Buffer) CheckRange(offset, length int64) error {
	if offset < 0 || length < 0 || offset > b.size || length > b.size-offset {
		return fmt.Errorf("%v: %d bytes at offset %d: %w", b, length, offset, dmabuf.ErrRange)
	}
	return nil
}

// Begin opens a bracket: until the matching End the CPU may read or write the Bytes. It synchronises the CPU's caches if a
// processor wrote the buffer since the CPU last looked. While a call uses the buffer Begin fails with ErrBusy if one of the
// two writes; BeginContext waits instead. Brackets of several goroutines may be open at once.
func (b *Buffer) Begin(a dmabuf.Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.beginLocked(a)
}

func (b *Buffer) beginLocked(a dmabuf.Access) error {
	if b.closed {
		return fmt.Errorf("%v: opening a bracket: %w", b, os.ErrClosed)
	}
	var other *use
	for i := range b.uses {
		if u := &b.uses[i]; u.writes || a&dmabuf.Write != 0 {
			if other = u; !u.abandoned.IsZero() {
				break
			}
		}
	}
	if other != nil {
		return b.busy("CPU access for "+a.String(), other)
	}
	if err := b.mem.Open(a); err != nil {
		return err
	}
	err := b.toCPU(a)
	if err == nil && b.rt.checked {
		err = b.entry.Index() // so that Guard finds the buffer behind an address
	}
	if err != nil {
		return errors.Join(err, b.mem.Shut(a))
	}
	b.brackets++
	if a&dmabuf.Write != 0 {
		b.writing++
	}
	return nil
}

// End closes a bracket that Begin opened with the same access.
func (b *Buffer) End(a dmabuf.Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.brackets == 0 || a&dmabuf.Write != 0 && b.writing == 0 {
		return fmt.Errorf("%v: closing a bracket for %v: %w", b, a, dmabuf.ErrNoBracket)
	}
	b.brackets--
	if a&dmabuf.Write != 0 {
		b.writing--
		b.cacheNewer = true
	}
	var err error
	if b.foreign {
		err = b.sync(b.mem.SyncEnd, a)
		b.cacheNewer = false
	} else {
		b.rt.stats.elided.Add(1)
	}
	return errors.Join(err, b.mem.Shut(a))
}

// View runs f with the bytes of the buffer inside a bracket. The slice is not valid after f.
func (b *Buffer) View(a dmabuf.Access, f func([]byte) error) (err error) {
	if err := b.Begin(a); err != nil {
		return err
	}
	return b.within(a, f)
}

// within runs f in a bracket that is open, and closes it.
func (b *Buffer) within(a dmabuf.Access, f func([]byte) error) (err error) {
	defer func() {
		if e := b.End(a); e != nil {
			err = errors.Join(err, e)
		}
	}()
	p, err := b.Bytes()
	if err != nil {
		return err
	}
	return f(p)
}

// Bytes returns the bytes of the buffer inside a bracket; dmabuf.ErrNoBracket outside of one.
func (b *Buffer) Bytes() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("%v: bytes: %w", b, os.ErrClosed)
	}
	p, err := b.mem.Bytes()
	if err != nil {
		return nil, err
	}
	return p[:b.size:b.size], nil
}

// ReadAt implements io.ReaderAt in a bracket of its own.
func (b *Buffer) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, b.CheckRange(offset, int64(len(p)))
	}
	err = b.View(dmabuf.Read, func(all []byte) error {
		if offset < int64(len(all)) {
			n = copy(p, all[offset:])
		}
		if n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt implements io.WriterAt in a bracket of its own. It writes all of p or nothing.
func (b *Buffer) WriteAt(p []byte, offset int64) (n int, err error) {
	if err := b.CheckRange(offset, int64(len(p))); err != nil {
		return 0, err
	}
	err = b.View(dmabuf.Write, func(all []byte) error {
		n = copy(all[offset:], p)
		return nil
	})
	return n, err
}

// DeviceAddress returns the address that the processor uses for a range, attaching the buffer to it if need be.
func (b *Buffer) DeviceAddress(processorName string, offset, length int64) (bufmap.DeviceAddr, error) {
	if err := b.CheckRange(offset, length); err != nil {
		return 0, err
	}
	p, err := b.rt.processor(processorName)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, fmt.Errorf("%v: device address for %s: %w", b, processorName, os.ErrClosed)
	}
	if _, err := b.attach(p); err != nil {
		return 0, err
	}
	return b.entry.Device(p.target, offset, length)
}

// Address describes where a buffer lies for one processor.
type Address struct {
	Phys       bufmap.PhysAddr
	Device     bufmap.DeviceAddr
	Provenance string // the translator that knew
	Attached   bool   // the kernel holds an attachment, so SYNC works
}

// Address returns where the buffer lies, attaching it to the processor if need be.
func (b *Buffer) Address(processorName string) (Address, error) {
	d, err := b.DeviceAddress(processorName, 0, b.size)
	if err != nil {
		return Address{}, err
	}
	p, err := b.rt.processor(processorName)
	if err != nil {
		return Address{}, err
	}
	r, _ := b.entry.Result(p.target)
	return Address{Phys: r.Phys, Device: d, Provenance: r.Provenance, Attached: r.Attachment != nil}, nil
}

// Close frees the buffer, or arranges that it is freed when the last call has let go of it. A buffer with open sub-buffers
// stays open: the error wraps subbuf.ErrLive. Close is idempotent.
func (b *Buffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	if b.set != nil {
		if err := b.set.Close(); err != nil {
			return err
		}
	}
	return b.closeLocked()
}

// closeLocked closes the buffer and frees it unless a call has it. b.mu is held.
func (b *Buffer) closeLocked() (err error) {
	b.closed = true
	b.wakeLocked()
	if b.malloc { // its one bracket lasts as long as the buffer
		b.malloc = false
		err = b.mem.Shut(dmabuf.ReadWrite)
	}
	if len(b.uses) > 0 {
		return err
	}
	return joined(err, b.free())
}

// closeSubs closes all sub-buffers of the buffer. What was not committed is lost.
func (b *Buffer) closeSubs() error {
	b.mu.Lock()
	set := b.set
	b.mu.Unlock()
	if set == nil {
		return nil
	}
	return set.CloseChildren()
}

func (b *Buffer) busy(what string, u *use) error {
	if u.abandoned.IsZero() {
		return fmt.Errorf("%v: %s while %s on %s uses it: %w", b, what, u.method, u.processor, ErrBusy)
	}
	return fmt.Errorf("%v: %s: %w: %s on %s was abandoned %v ago and has not answered; it is free after the answer or a restart of the processor",
		b, what, ErrQuarantined, u.method, u.processor, time.Since(u.abandoned).Round(time.Millisecond))
}
