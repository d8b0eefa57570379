// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// ErrUnknownPointer is returned for a CPU address that lies in no buffer of the map.
var ErrUnknownPointer = errors.New("pointer into no known buffer")

const (
	pageShift  = 12 // the smallest page; mappings of kernels with larger pages are multiples of it
	levelBits  = 12
	levelSize  = 1 << levelBits
	leafBytes  = 1 << (pageShift + levelBits)
	addressEnd = 1 << (pageShift + 3*levelBits) // 48 bits: what Linux gives without an explicit hint above
)

// pageTable finds the entry of a CPU address as an MMU would: three levels of tables, so that the cost does not depend on
// the number of buffers. Readers load atomically; writers hold Map.mu.
type pageTable struct {
	root [levelSize]atomic.Pointer[directory]
}

type directory struct {
	used   int // leaves, guarded by Map.mu
	leaves [levelSize]atomic.Pointer[leaf]
}

// leaf covers 16 MiB: by one entry as a whole, or page by page.
type leaf struct {
	whole *Entry
	used  int // pages, guarded by Map.mu
	pages []atomic.Pointer[Entry]
}

// Index registers the CPU mapping of the buffer, so that Find knows pointers into it. It maps the buffer if need be.
func (e *Entry) Index() error {
	base, err := e.rest.buf.Base()
	if err != nil {
		return err
	}
	e.m.mu.Lock()
	defer e.m.mu.Unlock()
	switch {
	case e.rest.closed.Load():
		return fmt.Errorf("indexing buffer %q: %w", e.rest.buf.Name(), os.ErrClosed)
	case e.base != 0:
		return nil
	case base%(1<<pageShift) != 0:
		return fmt.Errorf("indexing buffer %q: mapping at %#x is not page aligned", e.rest.buf.Name(), base)
	case uint64(base)+uint64(e.size) > addressEnd:
		return fmt.Errorf("indexing buffer %q: mapping at %#x lies above 48 bits", e.rest.buf.Name(), base)
	}
	// The addresses of open mappings differ, so this is a buffer that was added twice or closed before its entry.
	if o := e.m.pages.taken(uint64(base), uint64(base)+uint64(e.size)); o != nil {
		return fmt.Errorf("indexing buffer %q: its mapping at %#x is that of buffer %q in this map: %w",
			e.rest.buf.Name(), base, o.rest.buf.Name(), os.ErrExist)
	}
	e.base = base
	e.m.pages.insert(e)
	return nil
}

// Find returns the buffer that holds the CPU address p, and the offset of p in it. It takes no lock and allocates nothing.
func (m *Map) Find(p uintptr) (*Entry, int64, error) {
	a := uint64(p)
	if a < addressEnd {
		if d := m.pages.root[a>>(pageShift+2*levelBits)].Load(); d != nil {
			if l := d.leaves[a>>(pageShift+levelBits)%levelSize].Load(); l != nil {
				e := l.whole
				if e == nil {
					e = l.pages[a>>pageShift%levelSize].Load()
				}
				if e != nil && int64(a-uint64(e.base)) < e.size {
					return e, int64(a - uint64(e.base)), nil
				}
			}
		}
	}
	return nil, 0, fmt.Errorf("%#x: %w", p, ErrUnknownPointer)
}

// spans calls f for each leaf that the range touches, with the leaf's share of it.
func spans(start, end uint64, f func(from, to uint64)) {
	for from := start; from < end; {
		to := min(end, from&^(leafBytes-1)+leafBytes)
		f(from, to)
		from = to
	}
}

func (e *Entry) spans(f func(from, to uint64)) {
	spans(uint64(e.base), uint64(e.base)+uint64(e.size), f)
}

// taken returns an entry that covers a part of the range.
func (t *pageTable) taken(start, end uint64) (found *Entry) {
	spans(start, end, func(from, to uint64) {
		d := t.root[from>>(pageShift+2*levelBits)].Load()
		if d == nil || found != nil {
			return
		}
		l := d.leaves[from>>(pageShift+levelBits)%levelSize].Load()
		if l == nil {
			return
		}
		if found = l.whole; found != nil {
			return
		}
		for a := from; a < to && found == nil; a += 1 << pageShift {
			found = l.pages[a>>pageShift%levelSize].Load()
		}
	})
	return found
}

func (t *pageTable) insert(e *Entry) {
	e.spans(func(from, to uint64) {
		dp := &t.root[from>>(pageShift+2*levelBits)]
		d := dp.Load()
		if d == nil {
			d = &directory{}
			dp.Store(d)
		}
		lp := &d.leaves[from>>(pageShift+levelBits)%levelSize]
		l := lp.Load()
		switch {
		case to-from == leafBytes:
			l = &leaf{whole: e}
			d.used++
		case l == nil:
			l = &leaf{pages: make([]atomic.Pointer[Entry], levelSize)}
			d.used++
		}
		if l.whole == nil {
			for a := from; a < to; a += 1 << pageShift {
				l.pages[a>>pageShift%levelSize].Store(e)
				l.used++
			}
		}
		lp.Store(l)
	})
}

func (t *pageTable) remove(e *Entry) {
	e.spans(func(from, to uint64) {
		dp := &t.root[from>>(pageShift+2*levelBits)]
		d := dp.Load()
		lp := &d.leaves[from>>(pageShift+levelBits)%levelSize]
		l := lp.Load()
		if l.whole == nil {
			for a := from; a < to; a += 1 << pageShift {
				l.pages[a>>pageShift%levelSize].Store(nil)
				l.used--
			}
		}
		if l.used == 0 {
			lp.Store(nil)
			if d.used--; d.used == 0 {
				dp.Store(nil)
			}
		}
	})
}
