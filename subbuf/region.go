// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/offload-runtime/offload/dmabuf"
)

// Region is a part of a buffer: a Range or a Rect.
type Region interface {
	fmt.Stringer
	// layout checks the shape of the region and returns it; the pitches are those wanted for the copy.
	layout(rowPitch, slicePitch int64) (layout, error)
}

// Range is Size bytes at Offset.
type Range struct {
	Offset, Size int64
}

// Rect is a rectangle or a box, with the meaning and the rules of clEnqueueCopyBufferRect. Index 0 counts bytes, index 1
// rows, index 2 slices. Size[2] is 1 for a rectangle.
type Rect struct {
	Origin [3]int64
	Size   [3]int64
	// RowPitch is the distance of rows in bytes; 0 means Size[0].
	RowPitch int64
	// SlicePitch is the distance of slices in bytes; 0 means Size[1] rows. It is a multiple of RowPitch.
	SlicePitch int64
}

func (r Range) String() string { return fmt.Sprintf("[%d:+%d]", r.Offset, r.Size) }

func (r Rect) String() string {
	return fmt.Sprintf("[%d,%d,%d:+%dx%dx%d pitch %d,%d]", r.Origin[0], r.Origin[1], r.Origin[2],
		r.Size[0], r.Size[1], r.Size[2], r.RowPitch, r.SlicePitch)
}

// layout is a region as runs of bytes: d slices of h rows of w bytes. Runs do not overlap and ascend. row and slice are the
// pitches in the parent, childRow and childSlice those in the copy.
type layout struct {
	off                  int64
	w, h, d              int64
	row, slice           int64
	childRow, childSlice int64
	end                  int64 // in the parent, exclusive
	childLen             int64
	rowPitch, slicePitch int64 // of the copy before merge
}

func (r Range) layout(rowPitch, slicePitch int64) (layout, error) {
	switch {
	case rowPitch != 0 || slicePitch != 0:
		return layout{}, fmt.Errorf("range %v with pitches %d, %d: only rectangles have them: %w", r, rowPitch, slicePitch, ErrRegion)
	case r.Size <= 0:
		return layout{}, fmt.Errorf("range %v: size of %d bytes: %w", r, r.Size, ErrRegion)
	case r.Offset < 0:
		return layout{}, fmt.Errorf("range %v: %w", r, dmabuf.ErrRange)
	case r.Offset > math.MaxInt64-r.Size:
		return layout{}, fmt.Errorf("range %v: its end overflows: %w", r, dmabuf.ErrRange)
	}
	return layout{off: r.Offset, w: r.Size, h: 1, d: 1, row: r.Size, slice: r.Size, childRow: r.Size, childSlice: r.Size,
		rowPitch: r.Size, slicePitch: r.Size,
		end: r.Offset + r.Size, childLen: r.Size}, nil
}

func (r Rect) layout(rowPitch, slicePitch int64) (layout, error) {
	for i := range 3 {
		if r.Size[i] <= 0 {
			return layout{}, fmt.Errorf("rectangle %v: size %d is %d: %w", r, i, r.Size[i], ErrRegion)
		}
		if r.Origin[i] < 0 {
			return layout{}, fmt.Errorf("rectangle %v: origin %d is %d: %w", r, i, r.Origin[i], dmabuf.ErrRange)
		}
	}
	row, slice, err := r.pitches(r.RowPitch, r.SlicePitch)
	if err != nil {
		return layout{}, fmt.Errorf("rectangle %v: %w", r, err)
	}
	childRow, childSlice, err := r.pitches(rowPitch, slicePitch)
	if err != nil {
		return layout{}, fmt.Errorf("rectangle %v: copy: %w", r, err)
	}
	l := layout{w: r.Size[0], h: r.Size[1], d: r.Size[2], row: row, slice: slice, childRow: childRow, childSlice: childSlice}
	var ok1, ok2, ok3 bool
	l.off, ok1 = offset(r.Origin[0], r.Origin[1], row, r.Origin[2], slice)
	span, ok2 := offset(l.w, l.h-1, row, l.d-1, slice)
	if l.end, ok3 = add(l.off, span); !ok1 || !ok2 || !ok3 {
		return layout{}, fmt.Errorf("rectangle %v: its end overflows: %w", r, dmabuf.ErrRange)
	}
	if l.childLen, ok1 = offset(l.w, l.h-1, childRow, l.d-1, childSlice); !ok1 {
		return layout{}, fmt.Errorf("rectangle %v: the copy's size overflows with pitches %d, %d: %w", r, rowPitch, slicePitch, ErrRegion)
	}
	l.rowPitch, l.slicePitch = childRow, childSlice
	return l.merge(), nil
}

// pitches applies the rules of clEnqueueCopyBufferRect.
func (r Rect) pitches(row, slice int64) (int64, int64, error) {
	switch {
	case row < 0 || slice < 0:
		return 0, 0, fmt.Errorf("negative pitch: %w", ErrRegion)
	case row == 0:
		row = r.Size[0]
	case row < r.Size[0]:
		return 0, 0, fmt.Errorf("row pitch of %d bytes is less than the %d bytes of a row: %w", row, r.Size[0], ErrRegion)
	}
	least, ok := mul(r.Size[1], row)
	switch {
	case !ok:
		return 0, 0, fmt.Errorf("%d rows of %d bytes overflow: %w", r.Size[1], row, dmabuf.ErrRange)
	case slice == 0:
		slice = least
	case slice < least:
		return 0, 0, fmt.Errorf("slice pitch of %d bytes is less than %d rows of %d: %w", slice, r.Size[1], row, ErrRegion)
	case slice%row != 0:
		return 0, 0, fmt.Errorf("slice pitch of %d bytes is no multiple of the row pitch of %d: %w", slice, row, ErrRegion)
	}
	return row, slice, nil
}

// merge makes rows that follow each other in the parent and in the copy one run.
func (l layout) merge() layout {
	if l.h > 1 && l.row == l.w && l.childRow == l.w {
		l.w *= l.h
		l.h, l.row, l.childRow = 1, l.w, l.w
	}
	if l.h == 1 && l.d > 1 && l.slice == l.w && l.childSlice == l.w {
		l.w *= l.d
		l.d, l.row, l.childRow, l.slice, l.childSlice = 1, l.w, l.w, l.w, l.w
	}
	return l
}

func (l layout) contiguous() bool { return l.h == 1 && l.d == 1 }

// bytes is how many bytes the region has.
func (l layout) bytes() int64 { return l.w * l.h * l.d }

// each calls f for the pieces of the copy's bytes from..to that belong to the region.
func (l layout) each(from, to int64, f func(parent, child, n int64)) {
	for z := from / l.childSlice; z < l.d; z++ {
		slice := z * l.childSlice
		if slice >= to {
			return
		}
		y := int64(0)
		if from > slice {
			y = (from - slice) / l.childRow
		}
		for ; y < l.h; y++ {
			start := slice + y*l.childRow
			if start >= to {
				return
			}
			a, b := max(start, from), min(start+l.w, to)
			if a < b {
				f(l.off+z*l.slice+y*l.row+(a-start), a, b-a)
			}
		}
	}
}

func offset(x, y, row, z, slice int64) (int64, bool) {
	a, ok1 := mul(y, row)
	b, ok2 := mul(z, slice)
	c, ok3 := add(a, b)
	d, ok4 := add(c, x)
	return d, ok1 && ok2 && ok3 && ok4
}

// mul and add take numbers that are not negative.
func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo <= math.MaxInt64
}

func add(a, b int64) (int64, bool) { return a + b, a <= math.MaxInt64-b }
