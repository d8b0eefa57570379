// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// Mode says how a sub-buffer comes to its memory.
type Mode uint8

const (
	Auto  Mode = iota // what is correct and, by the cost model, cheaper
	Copy              // memory of its own
	Share             // the parent's memory, with an offset
)

func (m Mode) String() string {
	switch m {
	case Auto:
		return "auto"
	case Copy:
		return "copy"
	case Share:
		return "share"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// choose decides for Copy or Share and says why.
func (s *Set) choose(m Mode, l layout, a dmabuf.Access) (Mode, string, error) {
	refused := s.unshareable(l)
	switch m {
	case Copy:
		return Copy, "copy: asked for", nil
	case Share:
		if refused != "" {
			return 0, "", fmt.Errorf("bytes %d to %d: %w: %s", l.off, l.end, ErrShare, refused)
		}
		return Share, "share: asked for, and correct: both ends lie on cache lines", nil
	case Auto:
	default:
		return 0, "", fmt.Errorf("%v is no mode: %w", m, ErrRegion)
	}
	size := s.gate.m.Size()
	copying, sharing := s.c.Cost.copyCost(l, size, a), s.c.Cost.shareCost(size, a)
	switch {
	case refused != "":
		return Copy, fmt.Sprintf("copy: sharing is not correct: %s", refused), nil
	case sharing <= copying:
		return Share, fmt.Sprintf("share: a round trip costs about %v with all %d bytes of the parent, %v with a copy of %d bytes",
			sharing, size, copying, l.bytes()), nil
	}
	return Copy, fmt.Sprintf("copy: a round trip costs about %v with a copy of %d bytes, %v with all %d bytes of the parent",
		copying, l.bytes(), sharing, size), nil
}

// unshareable says why the processor must not work on the parent itself; "" if it may. Where a cache line belongs to the
// region and to bytes next to it, a write of one side brings the other side's old bytes back to memory. Other sub-buffers
// that are written do not share a byte with it (reserve), so that whole lines are enough.
func (s *Set) unshareable(l layout) string {
	line := int64(s.c.CacheLine)
	start, end := s.base+l.off, s.base+l.end
	switch {
	case !l.contiguous():
		return fmt.Sprintf("the region is %d rows that do not follow each other", l.h*l.d)
	case start%line != 0:
		return fmt.Sprintf("it begins at %d, %d bytes after a cache line of %d; begin at %d or %d", start, start%line, line,
			l.off-start%line, l.off-start%line+line)
	case end%line != 0 && l.end != s.size:
		return fmt.Sprintf("it ends at %d, inside a cache line of %d; make it %d bytes longer", end, line, line-end%line)
	}
	return ""
}
