// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/sys"
)

// region is one range of simulated physical memory. Its bytes are mapped when they are first needed.
type region struct {
	name string
	span
	uncached bool // the CPU's mappings show the memory itself

	once sync.Once
	err  error
	mem  []byte // what the bus sees
	cpu  []byte // the same memory once more, for CPU mappings that may be fenced; uncached regions only

	mu    sync.RWMutex
	owner []*page  // by page/512: the buffer of each page
	stale []uint64 // bitmap of pages that were in use once and may hold old bytes; guarded by the heap
}

type page [512]owned

// owned says which buffer a page belongs to, and where in the buffer it lies.
type owned struct {
	b   *buffer
	off uint64
}

func newRegion(name string, s span, uncached bool) *region {
	pages := s.size / pageSize
	return &region{name: name, span: s, uncached: uncached, owner: make([]*page, (pages+511)/512), stale: make([]uint64, (pages+63)/64)}
}

func (r *region) open() error {
	r.once.Do(func() {
		if !r.uncached {
			r.mem, r.err = sys.MmapAnon(int64(r.size))
			return
		}
		r.mem, r.cpu, r.err = mapTwice(r.name, int64(r.size))
	})
	if r.err != nil {
		return fmt.Errorf("simulated memory %q: %w", r.name, r.err)
	}
	return nil
}

func (r *region) close() error {
	r.once.Do(func() {})
	err := sys.Munmap(r.mem)
	if e := sys.Munmap(r.cpu); err == nil {
		err = e
	}
	r.mem, r.cpu = nil, nil
	return err
}

// mapTwice maps new zeroed memory two times. One mapping is for the user, who may fence it (dmabuf.Buffer.SetChecked); the
// simulator's caches and coherent processors go on through the other. The descriptor is closed at once.
func mapTwice(name string, size int64) (a, b []byte, err error) {
	f, err := sys.Memfd(name, sys.MemfdConfig{Size: size})
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if a, err = sys.Mmap(f, size, sys.ProtReadWrite); err != nil {
		return nil, nil, err
	}
	if b, err = sys.Mmap(f, size, sys.ProtReadWrite); err != nil {
		sys.Munmap(a)
		return nil, nil, err
	}
	return a, b, nil
}

// bytes returns the n bytes at physical address addr, which lie in the region.
func (r *region) bytes(addr, n uint64) []byte {
	off := addr - r.addr
	return r.mem[off : off+n : off+n]
}

// own enters or, with a nil buffer, removes the owner of a range.
func (r *region) own(s span, b *buffer, off uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := (s.addr - r.addr) / pageSize; p < (s.end()-r.addr)/pageSize; p++ {
		leaf := r.owner[p/512]
		if leaf == nil {
			leaf = new(page)
			r.owner[p/512] = leaf
		}
		if b == nil {
			leaf[p%512] = owned{}
			continue
		}
		leaf[p%512] = owned{b, off}
		off += pageSize
	}
}

// zero clears a range that gets a new owner. Pages that were never used are zero already and stay uncommitted.
func (r *region) zero(s span) {
	first, last := (s.addr-r.addr)/pageSize, (s.end()-r.addr)/pageSize
	for p := first; p < last; p++ {
		if r.stale[p/64]&(1<<(p%64)) != 0 {
			clear(r.mem[p*pageSize : (p+1)*pageSize])
		}
		r.stale[p/64] |= 1 << (p % 64)
	}
}

// at returns the buffer that owns the page of a physical address, pinned, or nil.
func (r *region) at(addr uint64) (*buffer, uint64) {
	p := (addr - r.addr) / pageSize
	r.mu.RLock()
	defer r.mu.RUnlock()
	leaf := r.owner[p/512]
	if leaf == nil {
		return nil, 0
	}
	o := leaf[p%512]
	if o.b == nil {
		return nil, 0
	}
	if !o.b.pin() {
		return nil, 0 // on its way back to the heap
	}
	return o.b, o.off + (addr-r.addr)%pageSize
}

// memory is the physical address space.
type memory struct {
	regions []*region // by address
}

func (m *memory) add(name string, s span, uncached bool) (*region, error) {
	switch {
	case s.size == 0 || s.size%pageSize != 0 || s.addr%pageSize != 0:
		return nil, fmt.Errorf("memory %q at %#x, %#x bytes: address and size must be multiples of %d and the size not 0", name, s.addr, s.size, pageSize)
	case s.end() < s.addr:
		return nil, fmt.Errorf("memory %q at %#x, %#x bytes wraps around", name, s.addr, s.size)
	case uint64(int(s.size)) != s.size || int(s.size) < 0:
		return nil, fmt.Errorf("memory %q of %#x bytes is more than this host can map", name, s.size)
	}
	for _, r := range m.regions {
		if s.addr < r.end() && r.addr < s.end() {
			return nil, fmt.Errorf("memory %q at %#x-%#x overlaps %q at %#x-%#x", name, s.addr, s.end()-1, r.name, r.addr, r.end()-1)
		}
	}
	r := newRegion(name, s, uncached)
	m.regions = append(m.regions, r)
	slices.SortFunc(m.regions, func(a, b *region) int { return cmp.Compare(a.addr, b.addr) })
	return r, nil
}

// find returns the region that holds the whole range, or nil.
func (m *memory) find(p bufmap.PhysAddr, n uint64) *region {
	for _, r := range m.regions {
		if off := uint64(p) - r.addr; uint64(p) >= r.addr && off < r.size {
			if n > r.size-off {
				return nil
			}
			return r
		}
	}
	return nil
}
