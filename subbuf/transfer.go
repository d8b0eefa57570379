// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/offload-runtime/offload/dmabuf"
)

// MarkDirty says that the processor wrote the n bytes at off. Commit then writes back only what was marked since the last
// one; n 0 says that nothing was written there.
func (s *Sub) MarkDirty(off, n int64) error {
	if s.access&dmabuf.Write == 0 {
		return fmt.Errorf("sub-buffer %q: marking: it is for reading: %w", s.name, ErrAccess)
	}
	if off < 0 || n < 0 || off > s.l.childLen || n > s.l.childLen-off {
		return fmt.Errorf("sub-buffer %q of %d bytes: marking %d bytes at %d: %w", s.name, s.l.childLen, n, off, dmabuf.ErrRange)
	}
	s.note.Lock()
	defer s.note.Unlock()
	s.marked = true
	s.noted.Store(true)
	s.dirty = insert(s.dirty, span{off, off + n})
	return nil
}

// Commit writes back to the parent: the ranges that were marked dirty and those that nested sub-buffers committed or,
// if none was marked, all of it. What is shared is in the parent already, and a sub-buffer for reading has nothing to
// write back. If it fails it may be repeated.
func (s *Sub) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.idle("committing"); err != nil {
		return err
	}
	if s.access&dmabuf.Write == 0 {
		return nil
	}
	t := s.take()
	if s.mode == Copy && len(t.list) > 0 {
		if err := s.drain(t.list); err != nil {
			s.putBack(t)
			return fmt.Errorf("committing sub-buffer %q: %w", s.name, err)
		}
	}
	if s.set.of != nil {
		for _, p := range t.list {
			s.l.each(p.from, p.to, func(parent, _, n int64) { s.set.of.wrote(parent, n) })
		}
	}
	return nil
}

// Discard forgets what the processor wrote since the last Commit: the copy is filled from the parent again. Bytes that are
// shared are in the parent already, so that it fails with ErrShare for those the processor may have written.
func (s *Sub) Discard() error {
	if s.mode == Share && s.access&dmabuf.Write != 0 {
		return fmt.Errorf("discarding sub-buffer %q: %w: what the processor wrote is in the parent", s.name, ErrShare)
	}
	return s.refresh("discarding")
}

// Refresh fills the copy from the parent again, for another run of the processor after the parent has changed. What
// was not committed is lost. What is shared needs none.
func (s *Sub) Refresh() error { return s.refresh("refreshing") }

func (s *Sub) refresh(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.idle(op); err != nil {
		return err
	}
	if s.mode == Share {
		return nil
	}
	if err := s.fill(); err != nil {
		return err
	}
	if s.noted.Load() {
		s.note.Lock()
		defer s.note.Unlock()
		s.forget()
	}
	return nil
}

// forget empties the notes. s.note is held.
func (s *Sub) forget() {
	s.marked, s.dirty, s.below = false, nil, nil
	s.noted.Store(false)
}

// taken is what a Commit has to write, and what it was made of.
type taken struct {
	list         []span
	marked       bool
	dirty, below []span
}

// take empties the notes, so that what is noted during a Commit is left for the next one.
func (s *Sub) take() taken {
	var t taken
	if s.noted.Load() {
		s.note.Lock()
		defer s.note.Unlock()
		t = taken{marked: s.marked, dirty: s.dirty, below: s.below}
		s.forget()
	}
	if !t.marked {
		s.whole[0] = span{0, s.l.childLen}
		t.list = s.whole[:]
		return t
	}
	t.list = slices.Clone(t.dirty)
	for _, p := range t.below {
		t.list = insert(t.list, p)
	}
	return t
}

// putBack undoes take.
func (s *Sub) putBack(t taken) {
	s.note.Lock()
	defer s.note.Unlock()
	s.marked = t.marked // without marks everything is dirty, whatever was marked since
	s.noted.Store(true)
	for _, p := range t.dirty {
		s.dirty = insert(s.dirty, p)
	}
	for _, p := range t.below {
		s.below = insert(s.below, p)
	}
}

// wrote notes n bytes at off as changed by a nested sub-buffer.
func (s *Sub) wrote(off, n int64) {
	s.note.Lock()
	defer s.note.Unlock()
	s.below = insert(s.below, span{off, off + n})
	s.noted.Store(true)
}

// fill copies from the parent. s.mu is held for writing.
func (s *Sub) fill() error {
	parent, child, err := s.open(dmabuf.Read, dmabuf.Write)
	if err != nil {
		return err
	}
	if s.l.contiguous() {
		copy(child, parent[s.l.off:s.l.end])
	} else {
		s.l.each(0, s.l.childLen, func(p, c, n int64) { copy(child[c:c+n], parent[p:p+n]) })
	}
	s.set.fills.Add(1)
	s.set.bytesIn.Add(s.l.bytes())
	return s.shut(dmabuf.Read, dmabuf.Write)
}

// drain copies to the parent. s.mu is held for writing.
func (s *Sub) drain(list []span) error {
	toParent := s.toParent(list)
	parent, child, err := s.open(toParent, dmabuf.Read)
	if err != nil {
		return err
	}
	var total int64
	for _, p := range list {
		if s.l.contiguous() {
			total += int64(copy(parent[s.l.off+p.from:], child[p.from:p.to]))
		} else {
			total += s.drainRows(parent, child, p)
		}
	}
	s.set.commits.Add(1)
	s.set.bytesOut.Add(total)
	return s.shut(toParent, dmabuf.Read)
}

func (s *Sub) drainRows(parent, child []byte, p span) (total int64) {
	s.l.each(p.from, p.to, func(p, c, n int64) {
		copy(parent[p:p+n], child[c:c+n])
		total += n
	})
	return total
}

// open begins a transfer; nothing is open if it fails. The copy's own gate is not needed: s.mu keeps everybody else away
// from it, and no bracket is open (idle).
func (s *Sub) open(toParent, toChild dmabuf.Access) (parent, child []byte, err error) {
	s.set.of.rlock()
	if err := s.set.gate.begin(toParent); err != nil {
		s.set.of.runlock()
		return nil, nil, err
	}
	if err := s.own.Begin(toChild); err != nil {
		err = join(err, s.set.gate.end(toParent))
		s.set.of.runlock()
		return nil, nil, err
	}
	parent, err = window(s.set.gate.m, s.set.base, s.set.size)
	if err == nil {
		child, err = s.bytes()
	}
	if err != nil {
		return nil, nil, join(err, s.shut(toParent, toChild))
	}
	return parent, child, nil
}

// shut ends what open began.
func (s *Sub) shut(toParent, toChild dmabuf.Access) error {
	err := join(s.own.End(toChild), s.set.gate.end(toParent))
	s.set.of.runlock()
	return err
}

// toParent is the access to the parent for writing those ranges. Writing alone saves the invalidation of the whole parent,
// but is right only for whole cache lines: the rest of a line would go back to memory as it was before a device wrote it.
func (s *Sub) toParent(list []span) dmabuf.Access {
	line := int64(s.set.c.CacheLine)
	if !s.l.contiguous() {
		return dmabuf.ReadWrite
	}
	start := s.set.base + s.l.off
	for _, p := range list {
		if (start+p.from)%line != 0 || (start+p.to)%line != 0 && start+p.to != s.set.gate.m.Size() {
			return dmabuf.ReadWrite
		}
	}
	return dmabuf.Write
}

func join(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return errors.Join(a, b)
}
