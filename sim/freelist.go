// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
)

// pageSize is the page of the simulated board, whatever the host's is.
const pageSize = 4096

// span is a range of physical addresses.
type span struct{ addr, size uint64 }

func (s span) end() uint64 { return s.addr + s.size }

// freeList is an allocator of address ranges: best fit, the lowest of equals, merging on free. It really fragments.
type freeList struct {
	whole span
	free  []span // by address, never touching each other
	total uint64
}

func newFreeList(s span) *freeList {
	return &freeList{whole: s, free: []span{s}, total: s.size}
}

func (l *freeList) alloc(size uint64) (uint64, bool) {
	best := -1
	for i, s := range l.free {
		if s.size >= size && (best < 0 || s.size < l.free[best].size) {
			best = i
			if s.size == size {
				break
			}
		}
	}
	if best < 0 || size == 0 {
		return 0, false
	}
	s := &l.free[best]
	addr := s.addr
	s.addr, s.size = s.addr+size, s.size-size
	if s.size == 0 {
		l.free = slices.Delete(l.free, best, best+1)
	}
	l.total -= size
	return addr, true
}

// release gives a range back. A range that is not allocated as a whole is a bug of this package.
func (l *freeList) release(s span) {
	i, _ := slices.BinarySearchFunc(l.free, s, func(a, b span) int {
		if a.addr < b.addr {
			return -1
		}
		return 1
	})
	if s.size == 0 || s.addr < l.whole.addr || s.end() > l.whole.end() ||
		i > 0 && l.free[i-1].end() > s.addr || i < len(l.free) && l.free[i].addr < s.end() {
		panic(fmt.Sprintf("sim: range %#x+%#x is freed and was not allocated", s.addr, s.size))
	}
	l.total += s.size
	before := i > 0 && l.free[i-1].end() == s.addr
	after := i < len(l.free) && s.end() == l.free[i].addr
	switch {
	case before && after:
		l.free[i-1].size += s.size + l.free[i].size
		l.free = slices.Delete(l.free, i, i+1)
	case before:
		l.free[i-1].size += s.size
	case after:
		l.free[i].addr, l.free[i].size = s.addr, l.free[i].size+s.size
	default:
		l.free = slices.Insert(l.free, i, s)
	}
}

func (l *freeList) largest() uint64 {
	var n uint64
	for _, s := range l.free {
		n = max(n, s.size)
	}
	return n
}

// pageStack hands out single pages so that two in a row are hardly ever neighbours: the memory of the system heap after
// the machine has run for a while, where a driver that takes the first page's address for the buffer's corrupts data.
type pageStack struct {
	base uint64
	free []uint32 // page numbers, the last is next
}

func newPageStack(s span) *pageStack {
	n := s.size / pageSize
	p := &pageStack{base: s.addr, free: make([]uint32, 0, n)}
	// A step near the golden section of n, with no common divisor, visits every page and jumps each time.
	step := max(n*618/1000, 1)
	for gcd(step, n) != 1 {
		step++
	}
	for i, at := uint64(0), uint64(0); i < n; i, at = i+1, (at+step)%n {
		p.free = append(p.free, uint32(at))
	}
	return p
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (p *pageStack) alloc(n int) ([]uint64, bool) {
	if n > len(p.free) {
		return nil, false
	}
	pages := make([]uint64, n)
	for i := range pages {
		last := len(p.free) - 1
		// After frees in order neighbours may lie together on the stack: then take another one.
		if i > 0 && last > 0 && p.base+uint64(p.free[last])*pageSize == pages[i-1]+pageSize {
			p.free[last], p.free[0] = p.free[0], p.free[last]
		}
		pages[i] = p.base + uint64(p.free[last])*pageSize
		p.free = p.free[:last]
	}
	return pages, true
}

func (p *pageStack) release(addr uint64) {
	p.free = append(p.free, uint32((addr-p.base)/pageSize))
}
