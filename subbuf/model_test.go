// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/offload-runtime/offload/dmabuf"
)

// node is a sub-buffer in the model: for each of its bytes the byte of the parent, or -1 in a gap.
type node struct {
	sub      *Sub
	up       *node // nil: the root array
	index    []int64
	access   dmabuf.Access
	own      []byte // nil when shared
	marked   bool
	dirty    map[int64]bool
	below    map[int64]bool
	children int
}

func (n *node) at(root []byte, i int64) *byte {
	switch {
	case n == nil:
		return &root[i]
	case n.own != nil:
		return &n.own[i]
	}
	return n.up.at(root, n.index[i])
}

// indices lists the parent's byte of each byte of a copy by the definition of a region.
func indices(r Region, rowPitch, slicePitch int64) []int64 {
	var list []int64
	put := func(at, v int64) {
		for int64(len(list)) <= at {
			list = append(list, -1)
		}
		list[at] = v
	}
	switch r := r.(type) {
	case Range:
		for i := range r.Size {
			put(i, r.Offset+i)
		}
	case Rect:
		pitch := func(row, slice int64) (int64, int64) {
			if row == 0 {
				row = r.Size[0]
			}
			if slice == 0 {
				slice = row * r.Size[1]
			}
			return row, slice
		}
		row, slice := pitch(r.RowPitch, r.SlicePitch)
		crow, cslice := pitch(rowPitch, slicePitch)
		for z := range r.Size[2] {
			for y := range r.Size[1] {
				for x := range r.Size[0] {
					put(z*cslice+y*crow+x, (r.Origin[2]+z)*slice+(r.Origin[1]+y)*row+r.Origin[0]+x)
				}
			}
		}
	}
	return list
}

func drawRegion(t *rapid.T, size int64) (r Region, row, slice int64) {
	n := func(name string, lo, hi int64) int64 { return rapid.Int64Range(lo, max(lo, hi)).Draw(t, name) }
	if rapid.Bool().Draw(t, "range") {
		off := n("off", 0, size-1)
		length := n("n", 1, size-off)
		if rapid.Bool().Draw(t, "aligned") {
			off &^= 63
			length = (length + 63) &^ 63
		}
		return Range{off, length}, 0, 0 // may reach past the end
	}
	rect := Rect{Size: [3]int64{n("w", 1, 20), n("h", 1, 6), n("d", 1, 3)}}
	gap := func(name string) int64 { return n(name, 0, 1) * n(name+" bytes", 0, 9) }
	rect.RowPitch = rect.Size[0] + gap("row gap")
	rect.SlicePitch = rect.RowPitch * (rect.Size[1] + gap("slice gap"))
	rect.Origin = [3]int64{n("x", 0, 20), n("y", 0, 8), n("z", 0, 2)}
	if rapid.Bool().Draw(t, "pitched") {
		row = rect.Size[0] + gap("copy row gap")
		slice = row * (rect.Size[1] + gap("copy slice gap"))
	}
	return rect, row, slice
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { runModel(t, rt) })
}

func runModel(t *testing.T, rt *rapid.T) {
	const size = 1024
	parent, a := newRAM("parent", size), newArena()
	for i := range parent.b {
		parent.b[i] = byte(i*5 + i>>8)
	}
	root := bytes.Clone(parent.b)
	top, err := NewSet(Config{Parent: parent, Alloc: a.alloc, Free: a.free, CacheLine: 64})
	if err != nil {
		rt.Fatal(err)
	}
	var nodes []*node
	pick := func() *node {
		if len(nodes) == 0 {
			rt.Skip("none")
		}
		return rapid.SampledFrom(nodes).Draw(rt, "sub")
	}
	fill := func(n *node) {
		for i, p := range n.index {
			if p >= 0 {
				n.own[i] = *n.up.at(root, p)
			}
		}
	}
	forget := func(n *node) { n.marked, n.dirty, n.below = false, map[int64]bool{}, map[int64]bool{} }

	rt.Repeat(map[string]func(*rapid.T){
		"new": func(rt *rapid.T) {
			var up *node
			set, upSize, upAccess := top, int64(size), dmabuf.ReadWrite
			if len(nodes) > 0 && rapid.Bool().Draw(rt, "nested") {
				up = pick()
				if set, err = up.sub.Set(); err != nil {
					rt.Fatal(err)
				}
				upSize, upAccess = int64(len(up.index)), up.access
			}
			r, row, slice := drawRegion(rt, upSize)
			access := rapid.SampledFrom([]dmabuf.Access{dmabuf.Read, dmabuf.Write, dmabuf.ReadWrite}).Draw(rt, "access")
			mode := rapid.SampledFrom([]Mode{Auto, Copy, Share}).Draw(rt, "mode")
			index := indices(r, row, slice)
			var want error
			for _, p := range index {
				if p >= upSize {
					want = dmabuf.ErrRange
				}
			}
			if want == nil && access&^upAccess != 0 {
				want = ErrAccess
			}
			sub, err := set.New(Spec{Region: r, Access: access, Mode: mode, RowPitch: row, SlicePitch: slice})
			if want == nil && !errors.Is(err, ErrShare) {
				used := map[int64]bool{}
				for _, p := range index {
					used[p] = p >= 0
				}
				for _, o := range nodes {
					if o.up != up || (o.access|access)&dmabuf.Write == 0 {
						continue
					}
					for _, p := range o.index {
						if used[p] {
							want = ErrOverlap
						}
					}
				}
			}
			if want != nil || err != nil {
				if errors.Is(err, ErrShare) && mode == Share {
					return
				}
				if !errors.Is(err, want) || want == nil {
					rt.Fatalf("New(%v, %v, %v): %v, want %v", r, access, mode, err, want)
				}
				return
			}
			n := &node{sub: sub, up: up, index: index, access: access}
			forget(n)
			if sub.Len() != int64(len(index)) {
				rt.Fatalf("%v: Len %d, want %d", r, sub.Len(), len(index))
			}
			if sub.Mode() == Copy {
				n.own = bytes.Repeat([]byte{0xEE}, len(index))
				if access&dmabuf.Read != 0 {
					fill(n)
				}
			} else if s := sub.Offset(); s%64 != 0 || (s+sub.Len())%64 != 0 && index[len(index)-1] != upSize-1 {
				rt.Fatalf("%v is shared and cuts a cache line", r)
			}
			if up != nil {
				up.children++
			}
			nodes = append(nodes, n)
		},
		"processor": func(rt *rapid.T) {
			n := pick()
			if n.access&dmabuf.Write == 0 {
				return
			}
			off := rapid.Int64Range(0, int64(len(n.index))-1).Draw(rt, "at")
			p := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(rt, "bytes")
			d := device(n.sub)
			for i := range min(int64(len(p)), int64(len(n.index))-off) {
				d[off+i] = p[i]
				*n.at(root, off+i) = p[i]
			}
		},
		"cpu": func(rt *rapid.T) {
			n := pick()
			if err := n.sub.Begin(dmabuf.ReadWrite); err != nil {
				rt.Fatal(err)
			}
			b, err := n.sub.Bytes()
			if err != nil {
				rt.Fatal(err)
			}
			i := rapid.Int64Range(0, int64(len(n.index))-1).Draw(rt, "at")
			b[i]++
			*n.at(root, i)++
			if err := n.sub.End(dmabuf.ReadWrite); err != nil {
				rt.Fatal(err)
			}
		},
		"mark": func(rt *rapid.T) {
			n := pick()
			size := int64(len(n.index))
			off := rapid.Int64Range(0, size+1).Draw(rt, "off")
			length := rapid.Int64Range(0, size+1).Draw(rt, "n")
			err := n.sub.MarkDirty(off, length)
			switch {
			case n.access&dmabuf.Write == 0:
				if !errors.Is(err, ErrAccess) {
					rt.Fatal(err)
				}
			case off+length > size:
				if !errors.Is(err, dmabuf.ErrRange) {
					rt.Fatal(err)
				}
			case err != nil:
				rt.Fatal(err)
			default:
				n.marked = true
				for i := range length {
					n.dirty[off+i] = true
				}
			}
		},
		"commit": func(rt *rapid.T) {
			n := pick()
			if err := n.sub.Commit(); err != nil {
				rt.Fatal(err)
			}
			if n.access&dmabuf.Write == 0 {
				return
			}
			for i, p := range n.index {
				if p >= 0 && (!n.marked || n.dirty[int64(i)] || n.below[int64(i)]) {
					*n.up.at(root, p) = *n.at(root, int64(i))
					if n.up != nil {
						n.up.below[p] = true
					}
				}
			}
			forget(n)
		},
		"refresh": func(rt *rapid.T) {
			n := pick()
			f, want := n.sub.Refresh, error(nil)
			if rapid.Bool().Draw(rt, "discard") {
				f = n.sub.Discard
				if n.own == nil && n.access&dmabuf.Write != 0 {
					want = ErrShare
				}
			}
			if err := f(); !errors.Is(err, want) {
				rt.Fatalf("%v, want %v", err, want)
			}
			if n.own != nil {
				fill(n)
				forget(n)
			}
		},
		"close": func(rt *rapid.T) {
			n := pick()
			err := n.sub.Close()
			if n.children > 0 {
				if !errors.Is(err, ErrLive) {
					rt.Fatal(err)
				}
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			if n.up != nil {
				n.up.children--
			}
			for i, o := range nodes {
				if o == n {
					nodes = append(nodes[:i], nodes[i+1:]...)
					break
				}
			}
		},
		"": func(rt *rapid.T) {
			if i := diff(parent.b, root); i >= 0 {
				rt.Fatalf("parent byte %d is %#x, want %#x", i, parent.b[i], root[i])
			}
			for _, n := range nodes {
				got := device(n.sub)
				for i := range n.index {
					if want := *n.at(root, int64(i)); got[i] != want {
						rt.Fatalf("%v %v byte %d is %#x, want %#x", n.sub.Name(), n.sub.Mode(), i, got[i], want)
					}
				}
			}
			if err := parent.quiet(); err != nil {
				rt.Fatal(err)
			}
		},
	})
	if err := top.CloseChildren(); err != nil {
		rt.Fatal(err)
	}
	if len(a.live) != 0 {
		rt.Fatalf("%d copies left", len(a.live))
	}
}

func diff(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func TestOverlapExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, a := drawLayout(rt)
		m, b := drawLayout(rt)
		want := false
		for p := range a {
			want = want || b[p]
		}
		if got := l.overlaps(m); got != want {
			rt.Fatalf("%+v overlaps %+v: %v, want %v", l, m, got, want)
		}
		if l.overlaps(m) != m.overlaps(l) {
			rt.Fatal("not symmetric")
		}
	})
}

// drawLayout draws small regions, so that many of them touch without overlapping.
func drawLayout(rt *rapid.T) (layout, map[int64]bool) {
	n := func(name string, lo, hi int64) int64 { return rapid.Int64Range(lo, hi).Draw(rt, name) }
	var r Region = Range{n("off", 0, 40), n("n", 1, 12)}
	if n("rect", 0, 3) > 0 {
		rect := Rect{Origin: [3]int64{n("x", 0, 5), n("y", 0, 3), n("z", 0, 1)}, Size: [3]int64{n("w", 1, 3), n("h", 1, 3), n("d", 1, 2)}}
		rect.RowPitch = max(rect.Size[0], n("row", 3, 5))
		rect.SlicePitch = rect.RowPitch * (rect.Size[1] + n("gap", 0, 1))
		r = rect
	}
	l, err := r.layout(0, 0)
	if err != nil {
		rt.Fatal(err)
	}
	set := map[int64]bool{}
	for _, p := range indices(r, 0, 0) {
		set[p] = true
	}
	return l, set
}

func ExampleCostModel() {
	c := DefaultCost()
	copying, _ := c.Copy(Range{Size: 4096}, 64<<20, dmabuf.ReadWrite)
	fmt.Println(copying < c.Share(64<<20, dmabuf.ReadWrite)/300)
	// Output: true
}
