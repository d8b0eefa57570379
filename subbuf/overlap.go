// SPDX-License-Identifier: Apache-2.0

package subbuf

// overlaps tells exactly whether two regions of one parent have a byte in common. Tiles of a picture that lie side by side
// interleave and do not overlap.
func (l layout) overlaps(m layout) bool {
	if l.end <= m.off || m.end <= l.off {
		return false
	}
	if l.contiguous() && m.contiguous() {
		return true
	}
	if hit, ok := l.overlapsTile(m); ok {
		return hit
	}
	for x := max(l.off, m.off); ; {
		a, ok1 := l.run(x)
		b, ok2 := m.run(x)
		switch {
		case !ok1 || !ok2:
			return false
		case a < b+m.w && b < a+l.w:
			return true
		}
		// One run ends before the other begins, and ends at or before x now.
		x = max(a, b)
	}
}

// overlapsTile compares two rectangles of one picture by row and column. ok is false where they are not that.
func (l layout) overlapsTile(m layout) (hit, ok bool) {
	if l.d != 1 || m.d != 1 || l.row != m.row {
		return false, false
	}
	x1, x2 := l.off%l.row, m.off%m.row
	if x1+l.w > l.row || x2+m.w > m.row {
		return false, false
	}
	y1, y2 := l.off/l.row, m.off/m.row
	return x1 < x2+m.w && x2 < x1+l.w && y1 < y2+m.h && y2 < y1+l.h, true
}

// run returns the start of the first run that ends after x.
func (l layout) run(x int64) (int64, bool) {
	if x < l.off {
		return l.off, true
	}
	z := min((x-l.off)/l.slice, l.d-1)
	in := x - l.off - z*l.slice
	y := in / l.row
	if in-y*l.row >= l.w {
		y++
	}
	if y >= l.h {
		y = 0
		z++
	}
	return l.off + z*l.slice + y*l.row, z < l.d
}
