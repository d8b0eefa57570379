// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/offload-runtime/offload/internal/sys"
)

func TestFindEdges(t *testing.T) {
	const leafSize = leafBytes
	r := newRegion(t, 8*leafSize)
	m := NewMap()
	var list []*Entry
	add := func(size int64, align uintptr) {
		e := must[*Entry](t)(m.Add(r.buffer(t, size, align)))
		if err := errors.Join(e.Index(), e.Index()); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	add(4096, 0)
	add(8192, 0)
	add(leafSize, leafSize)        // exactly one leaf
	add(2*leafSize+4096, leafSize) // two leaves and a page of a third
	add(4096, 0)                   // the next page
	r.next += leafSize - 3*4096    // ends two pages into the next leaf
	add(4*4096, 0)
	check := func(live []*Entry) {
		t.Helper()
		for _, e := range live {
			for _, off := range []int64{0, 1, 4095, e.size / 2, e.size - 1} {
				got, o, err := m.Find(e.base + uintptr(off))
				if err != nil || got != e || o != off {
					t.Errorf("%s+%d of %d: offset %d, %v", e.Buffer().Name(), off, e.size, o, err)
				}
			}
		}
	}
	check(list)
	base := sys.Address(r.b)
	for _, p := range []uintptr{0, 1, base - 1, list[1].base + 8192, list[5].base + 4*4096, list[5].base - 1, math.MaxUint32, ^uintptr(0)} {
		if e, _, err := m.Find(p); !errors.Is(err, ErrUnknownPointer) {
			t.Errorf("%#x: %v, %v", p, e, err)
		}
	}
	for i, e := range list {
		at := e.base
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Find(at); !errors.Is(err, ErrUnknownPointer) {
			t.Errorf("%d after Close: %v", i, err)
		}
		check(list[i+1:])
	}
	for i := range m.pages.root {
		if m.pages.root[i].Load() != nil {
			t.Errorf("directory %d is left", i)
		}
	}
}

func TestIndexRefusesTheSameMemory(t *testing.T) {
	r := newRegion(t, 3*leafBytes)
	for _, size := range []int64{4096, leafBytes} {
		m := NewMap()
		b := r.buffer(t, size, leafBytes)
		e1, e2 := must[*Entry](t)(m.Add(b)), must[*Entry](t)(m.Add(b))
		if err := e1.Index(); err != nil {
			t.Fatal(err)
		}
		if err := e2.Index(); !errors.Is(err, os.ErrExist) {
			t.Errorf("%d bytes: %v", size, err)
		}
		e2.Close()
		if e, _, err := m.Find(e1.base); e != e1 || err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		e1.Close()
	}
}

// Random adding and removing against a plain list.
func TestFindModel(t *testing.T) {
	r := newRegion(t, 4*leafBytes)
	pages := int64(len(r.b) / 4096)
	rapid.Check(t, func(rt *rapid.T) {
		m := NewMap()
		var live []*Entry
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			if len(live) > 0 && rapid.IntRange(0, 2).Draw(rt, "remove") == 0 {
				i := rapid.IntRange(0, len(live)-1).Draw(rt, "which")
				if err := live[i].Close(); err != nil {
					rt.Fatal(err)
				}
				live = append(live[:i], live[i+1:]...)
			} else {
				r.next = rapid.Int64Range(0, pages-1).Draw(rt, "page") * 4096
				size := min(rapid.SampledFrom([]int64{1, 2, 4095, 4096, 4097, 9000}).Draw(rt, "pages")*4096, int64(len(r.b))-r.next)
				taken := false
				from := sys.Address(r.b) + uintptr(r.next)
				for _, o := range live {
					taken = taken || from < o.base+uintptr(o.size) && o.base < from+uintptr(size)
				}
				e := must[*Entry](t)(m.Add(r.buffer(t, size, 0)))
				err := e.Index()
				if taken != errors.Is(err, os.ErrExist) || !taken && err != nil {
					rt.Fatalf("taken: %v, %v", taken, err)
				}
				if taken {
					e.Close()
				} else {
					live = append(live, e)
				}
			}
			p := sys.Address(r.b) + uintptr(rapid.IntRange(0, len(r.b)-1).Draw(rt, "pointer"))
			var want *Entry
			for _, e := range live {
				if p >= e.base && p < e.base+uintptr(e.size) {
					want = e
				}
			}
			got, off, err := m.Find(p)
			if got != want || want == nil != errors.Is(err, ErrUnknownPointer) || want != nil && off != int64(p-want.base) {
				rt.Fatalf("%#x: %v at %d, %v", p, got, off, err)
			}
		}
		if err := m.Close(); err != nil {
			rt.Fatal(err)
		}
		for i := range m.pages.root {
			if m.pages.root[i].Load() != nil {
				rt.Fatalf("directory %d is left", i)
			}
		}
	})
}
