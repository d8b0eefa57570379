// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/offload-runtime/offload/dmabuf"
)

// Sub is one sub-buffer.
type Sub struct {
	set    *Set
	name   string
	region Region
	l      layout
	access dmabuf.Access
	mode   Mode
	why    string
	ready  bool // guarded by set.mu: New has returned it
	alloc  func(size int64, name string) (Memory, error)

	own  Memory // nil when shared
	gate *gate  // of the memory in which it lies
	base int64  // in there

	// mu is held for writing by transfers and Close, for reading by who begins to use the bytes, which includes
	// transfers of nested sub-buffers. Locks are taken from the child to the parent.
	mu       sync.RWMutex
	closed   bool
	brackets atomic.Int32

	note   sync.Mutex
	noted  atomic.Bool // something of the following is set
	marked bool        // MarkDirty was called
	dirty  []span      // marked
	below  []span      // committed by nested sub-buffers
	whole  [1]span
	nested *Set
}

// setup gets the memory of a sub-buffer and fills it. It holds mu, because Close can be called as soon as the set knows s.
func (s *Sub) setup() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode == Share {
		s.gate, s.base = s.set.gate, s.set.base+s.l.off
		return nil
	}
	m, err := s.alloc(s.l.childLen, s.name)
	if err == nil && m == nil {
		err = fmt.Errorf("Alloc gave nothing: %w", os.ErrInvalid)
	}
	if err != nil {
		s.closed = true
		return fmt.Errorf("sub-buffer %q: %w", s.name, err)
	}
	s.own, s.gate = m, newGate(m)
	if m.Size() < s.l.childLen {
		err = fmt.Errorf("sub-buffer %q: Alloc gave %d bytes for %d: %w", s.name, m.Size(), s.l.childLen, os.ErrInvalid)
	} else if s.access&dmabuf.Read != 0 {
		err = s.fill()
	}
	if err != nil {
		s.closed = true
		return join(err, s.set.free(m))
	}
	return nil
}

// Name is for people.
func (s *Sub) Name() string { return s.name }

// Size is Len: as Memory, a sub-buffer is exactly its bytes.
func (s *Sub) Size() int64 { return s.l.childLen }

// Len is the number of bytes, gaps between the rows of the copy included.
func (s *Sub) Len() int64 { return s.l.childLen }

// Memory is what the processor gets: memory of its own, or the top parent's when shared. It may be longer than Len.
func (s *Sub) Memory() Memory { return s.gate.m }

// Offset is where the sub-buffer begins in Memory. It is 0 unless shared.
func (s *Sub) Offset() int64 { return s.base }

// Region is the part of the parent.
func (s *Sub) Region() Region { return s.region }

// Access is what the processor does.
func (s *Sub) Access() dmabuf.Access { return s.access }

// Mode is Copy or Share.
func (s *Sub) Mode() Mode { return s.mode }

// RowPitch is the distance of rows in the sub-buffer.
func (s *Sub) RowPitch() int64 { return s.l.rowPitch }

// SlicePitch is the distance of slices in the sub-buffer.
func (s *Sub) SlicePitch() int64 { return s.l.slicePitch }

// Explain says why the bytes were copied or shared.
func (s *Sub) Explain() string { return s.why }

// Begin opens a bracket for CPU access to the sub-buffer's bytes. Transfers and Close refuse with ErrBusy until End.
func (s *Sub) Begin(a dmabuf.Access) error {
	if a == 0 || a&^dmabuf.ReadWrite != 0 {
		return fmt.Errorf("sub-buffer %q: opening a bracket: %v is no CPU access: %w", s.name, a, os.ErrInvalid)
	}
	s.rlock()
	defer s.runlock()
	if s.closed {
		return fmt.Errorf("sub-buffer %q: opening a bracket: %w", s.name, os.ErrClosed)
	}
	if err := s.gate.begin(held(a)); err != nil {
		return fmt.Errorf("sub-buffer %q: %w", s.name, err)
	}
	s.count(1)
	return nil
}

// End closes a bracket with the access it was opened with.
func (s *Sub) End(a dmabuf.Access) error {
	if a == 0 || a&^dmabuf.ReadWrite != 0 {
		return fmt.Errorf("sub-buffer %q: closing a bracket: %v is no CPU access: %w", s.name, a, os.ErrInvalid)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for {
		n := s.brackets.Load()
		if n <= 0 {
			return fmt.Errorf("sub-buffer %q: closing a bracket: %w", s.name, dmabuf.ErrNoBracket)
		}
		if s.brackets.CompareAndSwap(n, n-1) {
			break
		}
	}
	err := s.gate.end(held(a))
	if up := s.sharing(); up != nil {
		up.count(-1)
	}
	if err != nil {
		return fmt.Errorf("sub-buffer %q: %w", s.name, err)
	}
	return nil
}

// Bytes returns the sub-buffer's bytes inside a bracket.
func (s *Sub) Bytes() ([]byte, error) {
	if s.brackets.Load() <= 0 {
		return nil, fmt.Errorf("sub-buffer %q: bytes: %w", s.name, dmabuf.ErrNoBracket)
	}
	return s.bytes()
}

func (s *Sub) bytes() ([]byte, error) { return window(s.gate.m, s.base, s.l.childLen) }

func window(m Memory, off, n int64) ([]byte, error) {
	b, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	if off+n > int64(len(b)) {
		return nil, fmt.Errorf("%q shows %d bytes, want %d at %d: %w", m.Name(), len(b), n, off, dmabuf.ErrRange)
	}
	return b[off : off+n : off+n], nil
}

// rlock keeps transfers of s, and of the parents whose bytes s shares, away until runlock. A nil s is the top.
func (s *Sub) rlock() {
	for p := s; p != nil; p = p.sharing() {
		p.mu.RLock()
	}
}

func (s *Sub) runlock() {
	for p := s; p != nil; p = p.sharing() {
		p.mu.RUnlock()
	}
}

// sharing is the sub-buffer whose bytes s shares; nil if there is none.
func (s *Sub) sharing() *Sub {
	if s.mode == Share {
		return s.set.of
	}
	return nil
}

// count notes a bracket of s, which is also one of the parents whose bytes s shares.
func (s *Sub) count(n int32) {
	for p := s; p != nil; p = p.sharing() {
		p.brackets.Add(n)
	}
}

// Set returns the set of sub-buffers of s, with the configuration of the set in which s is.
func (s *Sub) Set() (*Set, error) {
	if n := s.nestedSet(); n != nil {
		return n, nil
	}
	c := s.set.c
	c.Parent = s
	n, err := NewSet(c)
	if err != nil {
		if n := s.nestedSet(); n != nil { // somebody else was faster
			return n, nil
		}
		return nil, err
	}
	return n, nil
}

func (s *Sub) nestedSet() *Set {
	s.note.Lock()
	defer s.note.Unlock()
	return s.nested
}

// adopt makes n the set of sub-buffers of s.
func (s *Sub) adopt(n *Set) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("sub-buffers of %q: %w", s.name, os.ErrClosed)
	}
	s.note.Lock()
	defer s.note.Unlock()
	if s.nested != nil {
		return fmt.Errorf("sub-buffers of %q: it has a set already: %w", s.name, os.ErrExist)
	}
	s.nested = n
	n.of, n.gate, n.base = s, s.gate, s.base
	return nil
}

// Close gives the memory up without writing back: what was not committed is discarded. It refuses with ErrLive while s is
// the parent of open sub-buffers and with ErrBusy while a bracket is open. It is idempotent. The caller sees to it that the
// processor has finished.
func (s *Sub) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if err := s.idle("closing"); err != nil {
		return err
	}
	if n := s.nestedSet(); n != nil {
		if err := n.Close(); err != nil {
			return err
		}
	}
	s.closed = true
	s.set.remove(s)
	if s.own == nil {
		return nil
	}
	if err := s.set.free(s.own); err != nil {
		return fmt.Errorf("closing sub-buffer %q: %w", s.name, err)
	}
	return nil
}

// idle refuses what cannot be done now. s.mu is held for writing.
func (s *Sub) idle(op string) error {
	switch {
	case s.closed:
		return fmt.Errorf("%s sub-buffer %q: %w", op, s.name, os.ErrClosed)
	case s.brackets.Load() != 0:
		return fmt.Errorf("%s sub-buffer %q: %w", op, s.name, ErrBusy)
	}
	return nil
}
