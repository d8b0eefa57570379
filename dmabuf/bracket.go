// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"os"

	"github.com/offload-runtime/offload/internal/sys"
)

// Begin opens a bracket and makes what devices wrote visible to the CPU (SYNC with START). If the SYNC fails no bracket is
// open. Brackets of one buffer begin and end one after the other, as exporters synchronise (cma_heap_dma_buf_begin_cpu_access
// holds the buffer's lock).
func (b *Buffer) Begin(a Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.openLocked(a); err != nil {
		return err
	}
	if err := b.ops.BeginCPUAccess(a); err != nil {
		err = b.syncError("START", a, err)
		if e := b.shutLocked(a); e != nil {
			return errors.Join(err, e)
		}
		return err
	}
	return nil
}

// End makes what the CPU wrote visible to devices (SYNC with END) and closes the bracket, also when the SYNC fails.
func (b *Buffer) End(a Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.bracketLocked(a); err != nil {
		return err
	}
	var err error
	if e := b.ops.EndCPUAccess(a); e != nil {
		err = b.syncError("END", a, e)
	}
	if e := b.shutLocked(a); e != nil {
		return errors.Join(err, e)
	}
	return err
}

// View calls f with the bytes of the whole buffer inside a bracket. The slice must not be kept.
func (b *Buffer) View(a Access, f func([]byte) error) (err error) {
	if err := b.Begin(a); err != nil {
		return err
	}
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

// Open opens a bracket without SYNC, for a caller that knows that no device touched the buffer since the last one. The
// first one maps the buffer.
func (b *Buffer) Open(a Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openLocked(a)
}

func (b *Buffer) openLocked(a Access) error {
	if !a.valid() {
		return b.invalid("opening a bracket", a)
	}
	if err := b.mapLocked(); err != nil {
		return err
	}
	if b.checked && b.brackets == 0 {
		if err := sys.Mprotect(b.mapping, sys.ProtReadWrite); err != nil {
			return b.errorf("opening a bracket", err)
		}
	}
	if b.brackets++; b.brackets == 1 {
		b.shown.Store(&b.window)
	}
	return nil
}

// Shut closes a bracket without SYNC.
func (b *Buffer) Shut(a Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shutLocked(a)
}

func (b *Buffer) shutLocked(a Access) error {
	if err := b.bracketLocked(a); err != nil {
		return err
	}
	if b.brackets--; b.brackets == 0 {
		b.shown.Store(nil)
	}
	if b.checked && b.brackets == 0 {
		if err := sys.Mprotect(b.mapping, sys.ProtNone); err != nil {
			return b.errorf("closing a bracket", err)
		}
	}
	return nil
}

func (b *Buffer) bracketLocked(a Access) error {
	switch {
	case !a.valid():
		return b.invalid("closing a bracket", a)
	case b.closed:
		return b.errorf("closing a bracket", os.ErrClosed)
	case b.brackets == 0:
		return b.errorf("closing a bracket", ErrNoBracket)
	}
	return nil
}

// SyncStart is SYNC with START alone. It needs no bracket and no mapping.
func (b *Buffer) SyncStart(a Access) error {
	if !a.valid() {
		return b.invalid("SYNC START", a)
	}
	b.life.RLock()
	defer b.life.RUnlock()
	if b.closed {
		return b.errorf("SYNC START", os.ErrClosed)
	}
	if err := b.ops.BeginCPUAccess(a); err != nil {
		return b.syncError("START", a, err)
	}
	return nil
}

// SyncEnd is SYNC with END alone.
func (b *Buffer) SyncEnd(a Access) error {
	if !a.valid() {
		return b.invalid("SYNC END", a)
	}
	b.life.RLock()
	defer b.life.RUnlock()
	if b.closed {
		return b.errorf("SYNC END", os.ErrClosed)
	}
	if err := b.ops.EndCPUAccess(a); err != nil {
		return b.syncError("END", a, err)
	}
	return nil
}

func (b *Buffer) syncError(which string, a Access, err error) error {
	return fmt.Errorf("%v: SYNC %s for %v: %w", b, which, a, err)
}

// Bytes returns the whole buffer while a bracket is open, else ErrNoBracket. The slice is valid until the bracket closes.
func (b *Buffer) Bytes() ([]byte, error) {
	if p := b.shown.Load(); p != nil {
		return *p, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, b.errorf("bytes", os.ErrClosed)
	}
	return nil, b.errorf("bytes", ErrNoBracket)
}

// Base returns the address of the mapping, which it makes if there is none yet. It serves to find the buffer of a
// pointer; the memory behind it is accessible in a bracket only.
func (b *Buffer) Base() (uintptr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.mapLocked(); err != nil {
		return 0, err
	}
	return sys.Address(b.mapping), nil
}

// SetChecked switches the fence: with it the mapping has no access rights while no bracket is open, so that access
// outside of a bracket faults (SIGSEGV) at the line that did it.
func (b *Buffer) SetChecked(on bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errorf("checked mode", os.ErrClosed)
	}
	if b.checked == on {
		return nil
	}
	if b.mapping != nil && b.brackets == 0 {
		if err := b.fence(on); err != nil {
			return b.errorf("checked mode", err)
		}
	}
	b.checked = on
	return nil
}

func (b *Buffer) fence(on bool) error {
	prot := sys.ProtReadWrite
	if on {
		prot = sys.ProtNone
	}
	return sys.Mprotect(b.mapping, prot)
}

func (b *Buffer) mapLocked() error {
	if b.closed {
		return b.errorf("mapping", os.ErrClosed)
	}
	if b.mapping != nil {
		return nil
	}
	p, err := b.ops.Mmap()
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, ErrNotMappable) {
			err = fmt.Errorf("%w: %w", ErrNotMappable, err)
		}
		return b.errorf("mapping", err)
	}
	if int64(len(p)) < b.info.Size {
		return b.errorf("mapping", errors.Join(fmt.Errorf("the exporter mapped %d of %d bytes", len(p), b.info.Size), b.ops.Munmap(p)))
	}
	b.mapping, b.window = p, p[:b.info.Size:b.info.Size]
	if b.checked {
		if err := b.fence(true); err != nil {
			b.mapping = nil
			return b.errorf("mapping", errors.Join(err, b.ops.Munmap(p)))
		}
	}
	return nil
}

func (b *Buffer) invalid(op string, a Access) error {
	return fmt.Errorf("%v: %s: %v is no CPU access: %w", b, op, a, os.ErrInvalid)
}
