// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/offload-runtime/offload/dmabuf"
)

// DefaultCacheLine is the longest line of the processors this module knows: L2 of the C66x and C7x.
const DefaultCacheLine = 128

// Config describes a Set. Parent and Alloc are required.
type Config struct {
	// Parent is the buffer whose parts the sub-buffers are; a *Sub makes nested ones.
	Parent Memory
	// Alloc gets memory of at least size bytes for a copy. Its content is what a write-only sub-buffer begins with.
	Alloc func(size int64, name string) (Memory, error)
	// Free takes the memory back. Without it the memory's own Close is called, if it has one.
	Free func(Memory) error
	// CacheLine is the longest line of all who cache the parent, CPU included; 0 means DefaultCacheLine.
	CacheLine int
	// Align, if not 0, is what every origin must be a multiple of (CL_DEVICE_MEM_BASE_ADDR_ALIGN).
	Align int64
	Cost  CostModel
}

// Set is the sub-buffers of one parent. A parent has at most one.
type Set struct {
	c    Config
	of   *Sub  // the sub-buffer that is the parent; nil at the top
	gate *gate // of the memory in which the parent lies
	base int64 // of the parent in there
	size int64

	mu     sync.Mutex
	live   []*Sub // in the order of New
	closed bool

	bytesIn, bytesOut, fills, commits atomic.Int64
}

// NewSet returns an empty set.
func NewSet(c Config) (*Set, error) {
	switch {
	case c.Parent == nil:
		return nil, fmt.Errorf("sub-buffers: no parent: %w", os.ErrInvalid)
	case c.Alloc == nil:
		return nil, fmt.Errorf("sub-buffers of %q: no Alloc: %w", c.Parent.Name(), os.ErrInvalid)
	case c.CacheLine < 0 || c.Align < 0:
		return nil, fmt.Errorf("sub-buffers of %q: cache line of %d bytes, alignment of %d: %w", c.Parent.Name(), c.CacheLine, c.Align, os.ErrInvalid)
	case c.Parent.Size() <= 0:
		return nil, fmt.Errorf("sub-buffers of %q: its size is %d bytes: %w", c.Parent.Name(), c.Parent.Size(), os.ErrInvalid)
	}
	if c.CacheLine == 0 {
		c.CacheLine = DefaultCacheLine
	}
	c.Cost = c.Cost.orDefault()
	if err := c.Cost.valid(); err != nil {
		return nil, fmt.Errorf("sub-buffers of %q: %w: %w", c.Parent.Name(), err, os.ErrInvalid)
	}
	s := &Set{c: c, size: c.Parent.Size()}
	if p, ok := c.Parent.(*Sub); ok {
		return s, p.adopt(s)
	}
	s.gate = newGate(c.Parent)
	return s, nil
}

// Spec describes a sub-buffer.
type Spec struct {
	// Region is a Range or a Rect of the parent.
	Region Region
	// Access is what the processor does: dmabuf.Read, dmabuf.Write or both. The copy of a write-only sub-buffer is not
	// filled; what the processor leaves unwritten is to be kept out of Commit with MarkDirty.
	Access dmabuf.Access
	Mode   Mode
	// Name is for people; empty means the parent's name and the region.
	Name string
	// RowPitch and SlicePitch are the distances in the copy of a rectangle; 0 means without gaps.
	RowPitch, SlicePitch int64
	// Alloc, if not nil, gets the memory for this copy instead of Config.Alloc.
	Alloc func(size int64, name string) (Memory, error)
}

// New makes a sub-buffer and fills it from the parent if the processor reads it.
func (s *Set) New(spec Spec) (*Sub, error) {
	sub, err := s.check(spec)
	if err != nil {
		return nil, fmt.Errorf("sub-buffer of %q: %w", s.c.Parent.Name(), err)
	}
	if err := s.reserve(sub); err != nil {
		return nil, err
	}
	if err := sub.setup(); err != nil {
		s.remove(sub)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.ready = true
	return sub, nil
}

// check does everything that needs no look at other sub-buffers.
func (s *Set) check(spec Spec) (*Sub, error) {
	if spec.Region == nil {
		return nil, fmt.Errorf("no region: %w", ErrRegion)
	}
	if spec.Access == 0 || spec.Access&^dmabuf.ReadWrite != 0 {
		return nil, fmt.Errorf("%v: %v is no access of a processor: %w", spec.Region, spec.Access, os.ErrInvalid)
	}
	l, err := spec.Region.layout(spec.RowPitch, spec.SlicePitch)
	if err != nil {
		return nil, err
	}
	switch {
	case l.end > s.size:
		return nil, fmt.Errorf("%v ends at %d of %d bytes: %w", spec.Region, l.end, s.size, dmabuf.ErrRange)
	case s.c.Align != 0 && (s.base+l.off)%s.c.Align != 0:
		return nil, fmt.Errorf("%v begins at %d, which is no multiple of %d: %w", spec.Region, s.base+l.off, s.c.Align, ErrMisaligned)
	case s.of != nil && spec.Access&^s.of.access != 0:
		return nil, fmt.Errorf("%v for %v, the parent is for %v: %w", spec.Region, spec.Access, s.of.access, ErrAccess)
	}
	sub := &Sub{set: s, name: spec.Name, region: spec.Region, l: l, access: spec.Access, alloc: spec.Alloc}
	if sub.alloc == nil {
		sub.alloc = s.c.Alloc
	}
	if sub.name == "" {
		sub.name = s.c.Parent.Name() + spec.Region.String()
	}
	sub.mode, sub.why, err = s.choose(spec.Mode, l, spec.Access)
	return sub, err
}

// reserve puts the sub-buffer among the live ones, so that its region is taken before its memory exists.
func (s *Set) reserve(sub *Sub) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("sub-buffer %q: its set: %w", sub.name, os.ErrClosed)
	}
	for _, o := range s.live {
		if (sub.access|o.access)&dmabuf.Write != 0 && sub.l.overlaps(o.l) {
			return fmt.Errorf("sub-buffer %q %v for %v and %q %v for %v, both of %q: %w",
				sub.name, sub.region, sub.access, o.name, o.region, o.access, s.c.Parent.Name(), ErrOverlap)
		}
	}
	s.live = append(s.live, sub)
	return nil
}

func (s *Set) remove(sub *Sub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.live, sub); i >= 0 {
		s.live = slices.Delete(s.live, i, i+1)
	}
}

// Live lists the open sub-buffers in the order of their making.
func (s *Set) Live() []*Sub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.live), func(sub *Sub) bool { return !sub.ready })
}

// Close ends the set. While sub-buffers are open it refuses with ErrLive, which names them. It is idempotent and does
// not close the parent.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) > 0 {
		return fmt.Errorf("closing the sub-buffers of %q: %w: %s", s.c.Parent.Name(), ErrLive, names(s.live))
	}
	s.closed = true
	return nil
}

// CloseChildren closes all open sub-buffers, newest first and those of sub-buffers before them. What was not committed is
// discarded.
func (s *Set) CloseChildren() error {
	var errs []error
	for _, sub := range slices.Backward(s.Live()) {
		if n := sub.nestedSet(); n != nil {
			errs = append(errs, n.CloseChildren())
		}
		errs = append(errs, sub.Close())
	}
	return errors.Join(errs...)
}

// Stats are totals since NewSet.
type Stats struct {
	Fills, Commits    int64 // transfers
	BytesIn, BytesOut int64 // copied from the parent, to the parent
}

// Stats returns the set's totals.
func (s *Set) Stats() Stats {
	return Stats{Fills: s.fills.Load(), Commits: s.commits.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load()}
}

func (s *Set) free(m Memory) error {
	if s.c.Free != nil {
		return s.c.Free(m)
	}
	if c, ok := m.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func names(list []*Sub) string {
	const most = 8
	var b strings.Builder
	for i, s := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s.name)
	}
	return b.String()
}
