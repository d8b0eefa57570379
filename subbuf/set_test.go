// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

func TestNewSetRefuses(t *testing.T) {
	a := newArena()
	good := Config{Parent: newRAM("p", 64), Alloc: a.alloc}
	for name, change := range map[string]func(*Config){
		"no parent":      func(c *Config) { c.Parent = nil },
		"no alloc":       func(c *Config) { c.Alloc = nil },
		"empty parent":   func(c *Config) { c.Parent = newRAM("p", 0) },
		"negative line":  func(c *Config) { c.CacheLine = -1 },
		"negative align": func(c *Config) { c.Align = -1 },
		"negative cost":  func(c *Config) { c.Cost.CopyNsPerByte = -1 },
		"cost NaN":       func(c *Config) { c.Cost.AllocNs = math.NaN() },
	} {
		c := good
		change(&c)
		if _, err := NewSet(c); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRegions(t *testing.T) {
	const size = 4096
	s, _, _ := testSet(t, size, nil)
	rect := func(x, y, z, w, h, d, row, slice int64) Rect {
		return Rect{Origin: [3]int64{x, y, z}, Size: [3]int64{w, h, d}, RowPitch: row, SlicePitch: slice}
	}
	const big = math.MaxInt64
	for _, c := range []struct {
		name string
		spec Spec
		want error
	}{
		{"all", Spec{Region: Range{0, size}}, nil},
		{"last byte", Spec{Region: Range{size - 1, 1}}, nil},
		{"none", Spec{}, ErrRegion},
		{"empty", Spec{Region: Range{0, 0}}, ErrRegion},
		{"empty at end", Spec{Region: Range{size, 0}}, ErrRegion},
		{"negative size", Spec{Region: Range{0, -1}}, ErrRegion},
		{"least size", Spec{Region: Range{0, math.MinInt64}}, ErrRegion},
		{"negative offset", Spec{Region: Range{-1, 1}}, dmabuf.ErrRange},
		{"past end", Spec{Region: Range{size, 1}}, dmabuf.ErrRange},
		{"over end", Spec{Region: Range{size - 1, 2}}, dmabuf.ErrRange},
		{"overflow", Spec{Region: Range{2, big}}, dmabuf.ErrRange},
		{"overflow 2", Spec{Region: Range{big, 2}}, dmabuf.ErrRange},
		{"range with pitch", Spec{Region: Range{0, 8}, RowPitch: 16}, ErrRegion},
		{"rectangle", Spec{Region: rect(8, 2, 1, 16, 4, 2, 32, 32*8)}, nil},
		{"packed", Spec{Region: rect(0, 0, 0, 64, 64, 1, 0, 0)}, nil},
		{"packed too big", Spec{Region: rect(0, 0, 0, 64, 65, 1, 0, 0)}, dmabuf.ErrRange},
		{"last row not whole", Spec{Region: rect(0, 0, 0, 32, 64, 1, 64, 0)}, nil},
		{"zero width", Spec{Region: rect(0, 0, 0, 0, 1, 1, 0, 0)}, ErrRegion},
		{"zero height", Spec{Region: rect(0, 0, 0, 1, 0, 1, 0, 0)}, ErrRegion},
		{"zero depth", Spec{Region: rect(0, 0, 0, 1, 1, 0, 0, 0)}, ErrRegion},
		{"negative width", Spec{Region: rect(0, 0, 0, -1, 1, 1, 0, 0)}, ErrRegion},
		{"negative origin", Spec{Region: rect(0, -1, 0, 1, 1, 1, 0, 0)}, dmabuf.ErrRange},
		{"row pitch too small", Spec{Region: rect(0, 0, 0, 16, 2, 1, 15, 0)}, ErrRegion},
		{"negative row pitch", Spec{Region: rect(0, 0, 0, 16, 2, 1, -16, 0)}, ErrRegion},
		{"slice pitch too small", Spec{Region: rect(0, 0, 0, 16, 2, 1, 16, 31)}, ErrRegion},
		{"slice pitch no multiple", Spec{Region: rect(0, 0, 0, 16, 2, 1, 16, 40)}, ErrRegion},
		{"copy pitch too small", Spec{Region: rect(0, 0, 0, 16, 2, 1, 16, 0), RowPitch: 8}, ErrRegion},
		{"rows overflow", Spec{Region: rect(0, 0, 0, 1, 4, 1, big/2, 0)}, dmabuf.ErrRange},
		{"slices overflow", Spec{Region: rect(0, 0, 0, 1, 1, big, 1, big)}, dmabuf.ErrRange},
		{"origin overflows", Spec{Region: rect(big, big, big, 1, 1, 1, 0, 0)}, dmabuf.ErrRange},
		{"size overflows", Spec{Region: rect(0, 0, 0, big, big, big, 0, 0)}, dmabuf.ErrRange},
		{"copy overflows", Spec{Region: rect(0, 0, 0, 1, 2, 2, 0, 0), RowPitch: big / 2, SlicePitch: big - 1}, ErrRegion},
		{"no access", Spec{Region: Range{0, 8}, Access: 4}, os.ErrInvalid},
		{"bad mode", Spec{Region: Range{0, 8}, Mode: 9}, os.ErrInvalid},
	} {
		if c.spec.Access == 0 {
			c.spec.Access = dmabuf.ReadWrite
		}
		sub, err := s.New(c.spec)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err == nil {
			if err := sub.Close(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	if _, err := s.New(Spec{Region: Range{0, 8}}); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("access 0: %v", err)
	}
}

func TestOverlapNamesBoth(t *testing.T) {
	s, _, _ := testSet(t, 4096, nil)
	mustNew(t, s, Spec{Region: Range{0, 100}, Access: dmabuf.Write, Name: "first", Mode: Copy})
	_, err := s.New(Spec{Region: Range{99, 10}, Access: dmabuf.Read, Name: "second"})
	if !errors.Is(err, ErrOverlap) || !strings.Contains(err.Error(), `"first"`) || !strings.Contains(err.Error(), `"second"`) {
		t.Errorf("%v", err)
	}
	mustNew(t, s, Spec{Region: Range{100, 10}, Access: dmabuf.Read})
	mustNew(t, s, Spec{Region: Range{100, 20}, Access: dmabuf.Read})
	// Tiles of a picture interleave.
	for x := range int64(4) {
		mustNew(t, s, Spec{Region: Rect{Origin: [3]int64{16 * x, 4, 0}, Size: [3]int64{16, 8, 1}, RowPitch: 64}, Access: dmabuf.Write})
	}
}

func TestAlign(t *testing.T) {
	s, _, _ := testSet(t, 4096, func(c *Config) { c.Align = 128 })
	if _, err := s.New(Spec{Region: Range{64, 64}, Access: dmabuf.Read}); !errors.Is(err, ErrMisaligned) {
		t.Errorf("%v", err)
	}
	mustNew(t, s, Spec{Region: Range{128, 1}, Access: dmabuf.Read})
}

func TestShare(t *testing.T) {
	s, parent, _ := testSet(t, 4000, nil)
	for _, c := range []struct {
		r    Region
		want string // of the refusal
	}{
		{Range{64, 128}, ""},
		{Range{3968, 32}, ""}, // to the end, where nothing follows
		{Range{0, 4000}, ""},
		{Range{65, 63}, "begins at 65"},
		{Range{64, 63}, "make it 1 bytes longer"},
		{Rect{Size: [3]int64{64, 2, 1}, RowPitch: 128}, "2 rows"},
		{Rect{Size: [3]int64{64, 2, 1}, RowPitch: 64}, ""},
	} {
		sub, err := s.New(Spec{Region: c.r, Access: dmabuf.ReadWrite, Mode: Share})
		if c.want != "" {
			if !errors.Is(err, ErrShare) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: %v, want %q", c.r, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.r, err)
			continue
		}
		if sub.Memory() != parent {
			t.Errorf("%v: not the parent", c.r)
		}
		if err := sub.Discard(); !errors.Is(err, ErrShare) {
			t.Errorf("%v: Discard: %v", c.r, err)
		}
		sub.Close()
	}
}

func TestAuto(t *testing.T) {
	s, _, _ := testSet(t, 1<<20, nil)
	for _, c := range []struct {
		size int64
		want Mode
	}{{4096, Copy}, {1 << 20, Share}} {
		sub := mustNew(t, s, Spec{Region: Range{0, c.size}, Access: dmabuf.ReadWrite})
		if sub.Mode() != c.want || !strings.HasPrefix(sub.Explain(), c.want.String()+": ") {
			t.Errorf("%d bytes: %v", c.size, sub.Explain())
		}
		sub.Close()
	}
	sub := mustNew(t, s, Spec{Region: Range{1, 1<<20 - 1}, Access: dmabuf.ReadWrite})
	if sub.Mode() != Copy || !strings.Contains(sub.Explain(), "not correct") {
		t.Errorf("%v", sub.Explain())
	}
}

func TestCloseOrder(t *testing.T) {
	s, _, _ := testSet(t, 4096, nil)
	a := mustNew(t, s, Spec{Region: Range{0, 1000}, Access: dmabuf.ReadWrite, Name: "outer"})
	n, err := a.Set()
	if err != nil {
		t.Fatal(err)
	}
	b := mustNew(t, n, Spec{Region: Range{10, 100}, Access: dmabuf.Write, Name: "inner"})
	if err := a.Close(); !errors.Is(err, ErrLive) || !strings.Contains(err.Error(), `"inner"`) {
		t.Errorf("closing a parent: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrLive) || !strings.Contains(err.Error(), `"outer"`) {
		t.Errorf("closing the set: %v", err)
	}
	if _, err := NewSet(Config{Parent: a, Alloc: newArena().alloc}); !errors.Is(err, os.ErrExist) {
		t.Errorf("second set: %v", err)
	}
	if err := s.CloseChildren(); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]func() error{
		"commit":  b.Commit,
		"refresh": b.Refresh,
		"discard": b.Discard,
		"begin":   func() error { return b.Begin(dmabuf.Read) },
		"set":     func() error { _, err := b.Set(); return err },
		"nested":  func() error { _, err := n.New(Spec{Region: Range{0, 1}, Access: dmabuf.Read}); return err },
	} {
		if err := f(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestBrackets(t *testing.T) {
	s, _, _ := testSet(t, 4096, nil)
	outer := mustNew(t, s, Spec{Region: Range{0, 1024}, Access: dmabuf.ReadWrite, Mode: Copy})
	n, _ := outer.Set()
	inner := mustNew(t, n, Spec{Region: Range{64, 64}, Access: dmabuf.ReadWrite, Mode: Share})
	if _, err := inner.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("Bytes: %v", err)
	}
	if err := inner.End(dmabuf.Read); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("End: %v", err)
	}
	for _, a := range []dmabuf.Access{0, 4} {
		if err := inner.Begin(a); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Begin(%v): %v", a, err)
		}
		if err := inner.End(a); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("End(%v): %v", a, err)
		}
	}
	if err := inner.Begin(dmabuf.Write); err != nil {
		t.Fatal(err)
	}
	if b, err := inner.Bytes(); err != nil || len(b) != 64 || cap(b) != 64 {
		t.Errorf("%d bytes, capacity %d, %v", len(b), cap(b), err)
	}
	for name, f := range map[string]func() error{
		"inner commit": inner.Commit, "outer commit": outer.Commit, "outer refresh": outer.Refresh, "inner close": inner.Close,
	} {
		if err := f(); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := inner.End(dmabuf.Write); err != nil {
		t.Fatal(err)
	}
	if err := outer.Commit(); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	s, parent, a := testSet(t, 4096, nil)
	spec := Spec{Region: Range{10, 100}, Access: dmabuf.ReadWrite, Mode: Copy}
	boom := errors.New("boom")

	a.fail = boom
	if _, err := s.New(spec); !errors.Is(err, boom) {
		t.Errorf("alloc: %v", err)
	}
	a.fail = nil
	parent.fail = boom
	if _, err := s.New(spec); !errors.Is(err, boom) {
		t.Errorf("fill: %v", err)
	}
	if len(s.Live()) != 0 || len(a.live) != 0 {
		t.Fatalf("%d live, %d copies after failures", len(s.Live()), len(a.live))
	}
	sub := mustNew(t, s, spec)
	for i := range 3 {
		device(sub)[i] = 0xFF
	}
	sub.MarkDirty(1, 1)
	parent.fail = boom
	if err := sub.Commit(); !errors.Is(err, boom) {
		t.Errorf("commit: %v", err)
	}
	if err := sub.Commit(); err != nil { // what was marked is still marked
		t.Error(err)
	}
	if parent.b[10] == 0xFF || parent.b[11] != 0xFF || parent.b[12] == 0xFF {
		t.Errorf("parent is % x", parent.b[10:13])
	}
	if st := s.Stats(); st.Commits != 1 || st.BytesOut != 1 || st.BytesIn != 100 {
		t.Errorf("%+v", st)
	}

	// The parent goes away underneath: the copy stays.
	parent.closed = true
	if err := sub.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("commit to a closed parent: %v", err)
	}
	if err := sub.Begin(dmabuf.Read); err != nil {
		t.Fatal(err)
	}
	if b, err := sub.Bytes(); err != nil || b[2] != 0xFF {
		t.Errorf("bytes: %v", err)
	}
	sub.End(dmabuf.Read)
}

// Whole lines need no invalidation of the parent, parts of lines do.
func TestParentBracket(t *testing.T) {
	s, parent, _ := testSet(t, 4096, nil)
	for _, c := range []struct {
		r    Range
		want string
	}{{Range{64, 128}, "start write"}, {Range{64, 100}, "start read-write"}, {Range{65, 63}, "start read-write"}, {Range{4032, 64}, "start write"}} {
		sub := mustNew(t, s, Spec{Region: c.r, Access: dmabuf.Write, Mode: Copy})
		parent.log = nil
		if err := sub.Commit(); err != nil {
			t.Fatal(err)
		}
		if len(parent.log) != 2 || parent.log[0] != c.want {
			t.Errorf("%v: %v, want %v", c.r, parent.log, c.want)
		}
		sub.Close()
	}
}

// What a nested sub-buffer commits goes up with the next commit, whatever else was marked.
func TestNestedCommitGoesUp(t *testing.T) {
	for _, mode := range []Mode{Copy, Share} {
		s, parent, _ := testSet(t, 4096, nil)
		outer := mustNew(t, s, Spec{Region: Range{1000, 1000}, Access: dmabuf.ReadWrite, Mode: Copy})
		n, err := outer.Set()
		if err != nil {
			t.Fatal(err)
		}
		inner := mustNew(t, n, Spec{Region: Range{64, 64}, Access: dmabuf.ReadWrite, Mode: mode})
		device(inner)[5]++
		device(outer)[0]++
		device(outer)[500]++
		want := append([]byte(nil), parent.b...)
		want[1000+64+5]++
		want[1000]++
		if err := errors.Join(outer.MarkDirty(0, 1), inner.MarkDirty(5, 1), inner.Commit(), outer.Commit()); err != nil {
			t.Fatal(err)
		}
		if i := diff(parent.b, want); i >= 0 {
			t.Errorf("%v: byte %d is %#x, want %#x", mode, i, parent.b[i], want[i])
		}
	}
}
