// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

// TestFreeList compares the allocator with a bitmap of pages.
func TestFreeList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const pages, base = 40, 0x9_0000_0000
		l := newFreeList(span{base, pages * pageSize})
		var used [pages]bool
		var live []span
		runs := func() (list []int) { // lengths of free runs
			n := 0
			for i := range pages + 1 {
				if i < pages && !used[i] {
					n++
					continue
				}
				if n > 0 {
					list = append(list, n)
				}
				n = 0
			}
			return list
		}
		mark := func(s span, v bool) {
			for i := (s.addr - base) / pageSize; i < (s.end()-base)/pageSize; i++ {
				if used[i] == v {
					t.Fatalf("page %d of %#x+%#x: used is %v already", i, s.addr, s.size, v)
				}
				used[i] = v
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				n := rapid.IntRange(1, 12).Draw(t, "n")
				best := 0
				for _, r := range runs() {
					if r >= n && (best == 0 || r < best) {
						best = r
					}
				}
				addr, ok := l.alloc(uint64(n) * pageSize)
				if ok != (best > 0) {
					t.Fatalf("%d pages: %v, free runs %v", n, ok, runs())
				}
				if !ok {
					return
				}
				s := span{addr, uint64(n) * pageSize}
				mark(s, true)
				live = append(live, s)
				// Best fit: of the run that was taken the rest is left, and no other run changed.
				var sum, rest int
				for _, r := range runs() {
					sum += r
					if r == best-n {
						rest = r
					}
				}
				if rest != best-n {
					t.Fatalf("%d pages from a run of %d left runs %v", n, best, runs())
				}
			},
			"release": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(live)-1).Draw(t, "i")
				l.release(live[i])
				mark(live[i], false)
				live = append(live[:i], live[i+1:]...)
			},
			"": func(t *rapid.T) {
				var total, largest int
				for _, r := range runs() {
					total, largest = total+r, max(largest, r)
				}
				if l.total != uint64(total)*pageSize || l.largest() != uint64(largest)*pageSize || len(l.free) != len(runs()) {
					t.Fatalf("total %d, largest %d, %d ranges; want %d, %d pages, %d ranges", l.total, l.largest(), len(l.free), total, largest, len(runs()))
				}
			},
		})
	})
}

func TestFreeListDoubleFree(t *testing.T) {
	for _, s := range []span{{0x1000, 0x1000}, {0, 0x1000}, {0x3000, 0x2000}, {0x2000, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("freeing %#x+%#x was accepted", s.addr, s.size)
				}
			}()
			l := newFreeList(span{0x1000, 0x3000})
			l.release(s)
		}()
	}
}

func TestPageStack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 70).Draw(t, "n")
		p := newPageStack(span{0x8000_0000, uint64(n) * pageSize})
		seen := map[uint64]bool{}
		var all []uint64
		for len(p.free) > 0 {
			pages, ok := p.alloc(min(len(p.free), rapid.IntRange(1, 9).Draw(t, "size")))
			if !ok {
				t.Fatal("no pages")
			}
			for _, a := range pages {
				if seen[a] || a < 0x8000_0000 || a >= 0x8000_0000+uint64(n)*pageSize || a%pageSize != 0 {
					t.Fatalf("page %#x twice or outside", a)
				}
				seen[a] = true
			}
			all = append(all, pages...)
		}
		if _, ok := p.alloc(1); ok || len(all) != n {
			t.Fatalf("%d pages of %d", len(all), n)
		}
	})
}

func heapInfo(t *testing.T, b *Board, name string) runtime.HeapInfo {
	t.Helper()
	list, err := b.Heaps()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range list {
		if h.Name == name {
			return h
		}
	}
	t.Fatalf("no heap %q in %v", name, list)
	return runtime.HeapInfo{}
}

func TestDefaultHeaps(t *testing.T) {
	b := newBoard(t, Config{})
	for _, w := range []runtime.HeapInfo{
		{Name: "ddr", Contiguous: true, Cached: true, Mappable: true, Size: 512 << 20},
		{Name: "msmc", Contiguous: true, Cached: true, Mappable: true, OnChip: true, Size: 1 << 20},
		{Name: "secure", Contiguous: true, Cached: true, Size: 16 << 20},
		{Name: "system", Cached: true, Mappable: true, Size: 256 << 20},
	} {
		w.Zeroed, w.Free, w.LargestFree = true, w.Size, w.Size
		if w.Name == "ddr" || w.Name == "msmc" {
			w.Aliases = []string{w.Name}
		}
		if got := heapInfo(t, b, w.Name); fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("got  %+v\nwant %+v", got, w)
		}
	}
}

func TestFragmentation(t *testing.T) {
	b := newBoard(t, Config{})
	ctx := context.Background()
	var list []*dmabuf.Buffer
	for {
		d, err := b.Alloc(ctx, "msmc", 64<<10, fmt.Sprint("part", len(list)))
		if err != nil {
			if !errors.Is(err, syscall.ENOMEM) {
				t.Fatal(err)
			}
			break
		}
		list = append(list, d)
	}
	if len(list) != 16 {
		t.Fatalf("%d buffers of 64 KiB in 1 MiB", len(list))
	}
	for i := 0; i < len(list); i += 2 {
		list[i].Close()
	}
	h := heapInfo(t, b, "msmc")
	if h.Free != 512<<10 || h.LargestFree != 64<<10 {
		t.Errorf("free %d, largest %d", h.Free, h.LargestFree)
	}
	_, err := b.Alloc(ctx, "msmc", 128<<10, "big")
	if !errors.Is(err, syscall.ENOMEM) {
		t.Fatal(err)
	}
	for _, s := range []string{`"msmc"`, `"big"`, "131072", "524288", "65536"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error lacks %s: %v", s, err)
		}
	}
	for i := 1; i < len(list); i += 2 {
		list[i].Close()
	}
	if h := heapInfo(t, b, "msmc"); h.LargestFree != 1<<20 {
		t.Errorf("largest after all were freed: %d", h.LargestFree)
	}
}

func TestAllocRefusals(t *testing.T) {
	b := newBoard(t, Config{})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		ctx  context.Context
		heap string
		size int64
		want error
	}{
		{context.Background(), "nowhere", 4096, fs.ErrNotExist},
		{context.Background(), "", 4096, fs.ErrNotExist},
		{context.Background(), "ddr", 0, os.ErrInvalid},
		{context.Background(), "ddr", -1, syscall.EINVAL},
		{context.Background(), "ddr", math.MinInt64, os.ErrInvalid},
		{context.Background(), "ddr", math.MaxInt64, syscall.ENOMEM},
		{context.Background(), "ddr", 512<<20 + 1, syscall.ENOMEM},
		{context.Background(), "system", 256<<20 + 1, syscall.ENOMEM},
		{ended, "ddr", 4096, context.Canceled},
	} {
		if d, err := b.Alloc(tt.ctx, tt.heap, tt.size, "x"); !errors.Is(err, tt.want) || d != nil {
			t.Errorf("%s %d: %v, %v, want %v", tt.heap, tt.size, d, err, tt.want)
		}
	}
	for _, name := range []string{"ddr", "system"} {
		if h := heapInfo(t, b, name); h.Free != h.Size {
			t.Errorf("%s: %d of %d free", name, h.Free, h.Size)
		}
	}
}

func TestZeroed(t *testing.T) {
	b := newBoard(t, Config{})
	for _, heap := range []string{"msmc", "system"} {
		h := &host{t: t, b: b, p: processor(t, b, "core0")}
		d := h.alloc(heap, 1<<20)
		write(t, d, func(int) byte { return 0xee })
		if heap == "msmc" {
			// Memory itself must be dirty, not only the cache.
			p, _ := b.Phys(d)
			if err := b.Poke(p[0], bytes.Repeat([]byte{0xee}, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		d.Close()
		d = h.alloc(heap, 1<<20)
		list, err := b.Phys(d)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4096)
		for _, p := range list {
			if err := b.Peek(p, got); err != nil || !bytes.Equal(got, make([]byte, 4096)) {
				t.Fatalf("%s: memory at %v: %v %x", heap, p, err, got[:8])
			}
		}
		if err := d.View(dmabuf.Read, func(p []byte) error {
			if n := bytes.Count(p, []byte{0}); n != len(p) {
				return fmt.Errorf("%d of %d bytes are zero", n, len(p))
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", heap, err)
		}
	}
}

func TestScattered(t *testing.T) {
	b := newBoard(t, Config{})
	h := &host{t: t, b: b, p: processor(t, b, "core0")}
	d := h.alloc("system", 64<<10)
	list, err := b.Phys(d)
	if err != nil || len(list) != 16 {
		t.Fatalf("%d parts: %v", len(list), err)
	}
	for i := 1; i < len(list); i++ {
		if list[i] == list[i-1]+pageSize {
			t.Errorf("pages %d and %d are neighbours", i-1, i)
		}
	}
	for _, name := range []string{"dsp0", "core0"} {
		_, err := processor(t, b, name).Translators().Translate(d)
		if !errors.Is(err, bufmap.ErrNotContiguous) || !strings.Contains(err.Error(), "16 parts") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecure(t *testing.T) {
	h := dial(t, newBoard(t, Config{Checked: true}), "dsp0")
	d := h.alloc("secure", 4096)
	for name, err := range map[string]error{
		"view": d.View(dmabuf.Read, func([]byte) error { return nil }),
		"open": d.Open(dmabuf.Read),
	} {
		if !errors.Is(err, dmabuf.ErrNotMappable) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, _ := h.attach(d, 3)
	if r.Addr != 0xE000_0000 {
		t.Errorf("device address %#x", r.Addr)
	}
	h.uint("fill", r, 7)
	if n := h.uint("sum", r); n != 7*4096 {
		t.Errorf("sum %d", n)
	}
	if err := d.SyncEnd(dmabuf.ReadWrite); err != nil {
		t.Error(err)
	}
}

func TestUncached(t *testing.T) {
	c := Config{
		Checked: true,
		Heaps:   []HeapConfig{{Name: "wc", Phys: 0x1000_0000, Size: 1 << 20, Uncached: true}},
		Processors: []ProcessorConfig{{
			Name: "dsp", Windows: []bufmap.Window{{Name: "wc", Phys: 0x1000_0000, Device: 0x2000_0000, Size: 1 << 20}},
			Carveout: bufmap.Window{Phys: 0x4000_0000, Device: 0x8000_0000, Size: 1 << 21},
		}},
	}
	h := dial(t, newBoard(t, c), "dsp")
	for range 2 { // the second buffer gets the range of the first
		d := h.alloc("wc", 8192)
		r, a := h.attach(d, 3)
		write(t, d, func(int) byte { return 1 })
		if n := h.uint("sum", r); n != 8192 {
			t.Errorf("sum %d", n)
		}
		h.uint("fill", r, 9)
		if err := d.View(dmabuf.Read, func(p []byte) error {
			if p[8191] != 9 {
				return fmt.Errorf("%d", p[8191])
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		a.Close()
		d.Close()
	}
	if s := h.b.Stats(); s.Bytes() != 0 {
		t.Errorf("%d bytes moved", s.Bytes())
	}
}

func TestChecked(t *testing.T) {
	b := newBoard(t, Config{Checked: true})
	h := &host{t: t, b: b, p: processor(t, b, "dsp0")}
	d := h.alloc("ddr", 4096)
	var leaked []byte
	if err := d.View(dmabuf.ReadWrite, func(p []byte) error { leaked = p; p[0] = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			t.Error("access outside of a bracket was not noticed")
		}
		// The simulator itself still reaches the bytes.
		_, a := h.attach(d, 1)
		if err := d.SyncEnd(dmabuf.Write); err != nil {
			t.Error(err)
		}
		a.Close()
	}()
	leaked[0] = 2
}

func TestClosedBoard(t *testing.T) {
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Alloc(context.Background(), "ddr", 5000, "picture")
	if err != nil {
		t.Fatal(err)
	}
	p := processor(t, b, "dsp0")
	if err := p.Remoteproc().Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	c, err := p.Dial(context.Background(), "offload")
	if err != nil {
		t.Fatal(err)
	}
	err = b.Close()
	if err == nil {
		t.Fatal("Close says nothing about what is open")
	}
	for _, s := range []string{"2 still open", `buffer "picture" of ddr, 8192 bytes`, "endpoint rpmsg0", "dsp0.offload."} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error lacks %q: %v", s, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	write(t, d, func(int) byte { return 1 }) // still usable
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	c.Close()
	if _, err := b.Alloc(context.Background(), "ddr", 1, "x"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Alloc: %v", err)
	}
	if _, err := b.Heaps(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Heaps: %v", err)
	}
	if _, err := b.Processors(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Processors: %v", err)
	}
	if _, err := p.Dial(context.Background(), "offload"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Dial: %v", err)
	}
	if _, err := p.Install("x", nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Install: %v", err)
	}
	if err := p.Remoteproc().Start(context.Background()); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Start: %v", err)
	}
	if err := b.Peek(ddrPhys, make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Peek: %v", err)
	}
}

func TestForeignBuffer(t *testing.T) {
	a, b := newBoard(t, Config{}), newBoard(t, Config{})
	h := &host{t: t, b: a, p: processor(t, a, "dsp0")}
	d := h.alloc("ddr", 4096)
	if _, err := processor(t, b, "dsp0").Translators().Translate(d); !errors.Is(err, bufmap.ErrNoTranslator) {
		t.Error(err)
	}
	d.Close()
	if _, err := h.p.Translators().Translate(d); err == nil {
		t.Error("a closed buffer was attached")
	}
}
