// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/subbuf"
)

// testOwnership counts the SYNCs of a chain of calls: none while the CPU does not look.
func testOwnership(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const size = 8192
	a, b := e.buffer(t, "a", pattern(size)), e.alloc(t, e.Heap, size, "b")
	call := func(method string, args ...any) {
		t.Helper()
		if err := s.Call(ctx, method, nil, args...); err != nil {
			t.Fatal(err)
		}
	}
	syncs := func(what string, want uint64, f func()) {
		t.Helper()
		before := e.rt.Stats().SyncsIssued
		f()
		if e.Coherent {
			want = 0
		}
		if n := e.rt.Stats().SyncsIssued - before; n != want {
			t.Errorf("%s: %d SYNCs, want %d", what, n, want)
		}
	}
	call("copy", b.Out(), a.In()) // attaches both
	syncs("chain of calls", 0, func() {
		call("copy", b.Out(), a.In())
		call("copy", a.Out(), b.In())
		call("sum", a.In())
		call("fill", b.Out(), 7)
	})
	syncs("first look after the chain", 1, func() { read(t, b) })
	syncs("second look", 0, func() { read(t, b) })
	syncs("call that reads after the CPU only read", 0, func() { call("sum", b.In()) })
	syncs("look after a call that only read", 0, func() { read(t, b) })
	syncs("write by the CPU", 0, func() {
		if _, err := b.WriteAt([]byte{1}, 0); err != nil {
			t.Fatal(err)
		}
	})
	syncs("hand-over after a write", 1, func() { call("sum", b.In()) })
	syncs("hand-over again", 0, func() { call("sum", b.In()) })

	if err := b.Begin(dmabuf.Read); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "fill", nil, b.Out(), 1); !errors.Is(err, runtime.ErrBusy) {
		t.Errorf("call that writes during a bracket for reading: %v", err)
	}
	call("sum", b.In())
	if err := b.End(dmabuf.Read); err != nil {
		t.Fatal(err)
	}
	if err := b.Begin(dmabuf.Write); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "sum", nil, b.In()); !errors.Is(err, runtime.ErrBusy) {
		t.Errorf("call during a bracket for writing: %v", err)
	}
	if err := b.End(dmabuf.Write); err != nil {
		t.Fatal(err)
	}
	call("fill", b.Out(), 1)
}

// testCoherence lets CPU and processor write in turn, also into the same buffer next to each other, and expects every
// byte where it was written last.
func testCoherence(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const size = 3 * 4096
	b := e.alloc(t, e.Heap, size, "b")
	model := make([]byte, size)
	check := func(step string) {
		t.Helper()
		if got := read(t, b); !bytes.Equal(got, model) {
			i := 0
			for got[i] == model[i] {
				i++
			}
			t.Fatalf("%s: byte %d is %#x, want %#x", step, i, got[i], model[i])
		}
	}
	fill := func(off, n int64, v byte) {
		t.Helper()
		if err := s.Call(ctx, "fill", nil, b.Range(off, n, runtime.Out), v); err != nil {
			t.Fatal(err)
		}
		copy(model[off:off+n], bytes.Repeat([]byte{v}, int(n)))
	}
	write := func(off int64, p []byte) {
		t.Helper()
		if _, err := b.WriteAt(p, off); err != nil {
			t.Fatal(err)
		}
		copy(model[off:], p)
	}
	sum := func(step string) {
		t.Helper()
		var got uint64
		if err := s.Call(ctx, "sum", &got, b.In()); err != nil || got != functions.Sum(model) {
			t.Fatalf("%s: processor sums %d, want %d: %v", step, got, functions.Sum(model), err)
		}
	}
	write(0, pattern(size))
	sum("CPU wrote all")
	fill(1000, 3000, 0x11)
	check("processor wrote a part")
	write(1500, pattern(100))
	sum("CPU wrote into that part")
	fill(1550, 10, 0x22)
	write(1551, []byte{1, 2, 3}) // CPU writes without having looked
	sum("both wrote the same cache line in turn")
	check("the same cache line")
	for i := range int64(50) {
		fill(i*37, 64, byte(i))
		write(i*37+30, []byte{byte(^i)})
		if i%5 == 0 {
			sum("in turn")
		}
	}
	check("after 50 turns")

	// A second buffer, worked on by chains of calls only.
	c := e.alloc(t, e.Heap, size, "c")
	for range 5 {
		if err := s.Call(ctx, "copy", nil, c.Out(), b.In()); err != nil {
			t.Fatal(err)
		}
		fill(0, 100, 0x33)
	}
	if err := s.Call(ctx, "copy", nil, c.Out(), b.In()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, c), model) {
		t.Error("the copy at the end of a chain of calls is wrong")
	}
}

func testSub(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	model := pattern(64 << 10)
	b := e.buffer(t, "parent", model)
	// Parts worked on at once, each with a bracket of its own.
	var wg sync.WaitGroup
	subs := make([]*runtime.Sub, 4)
	for i := range subs {
		r := subbuf.Range{Offset: int64(i) * 10000, Size: 5001}
		sub, err := b.Sub(ctx, runtime.SubConfig{Region: r, Access: dmabuf.ReadWrite, Mode: subbuf.Copy})
		if err != nil {
			t.Fatal(err)
		}
		subs[i] = sub
		copy(model[r.Offset+1000:r.Offset+2000], bytes.Repeat([]byte{byte(i + 1)}, 1000))
	}
	for i, sub := range subs {
		wg.Go(func() {
			if err := s.Call(ctx, "fill", nil, sub.Range(1000, 1000, runtime.Out), i+1); err != nil {
				t.Error(err)
			}
			if err := sub.Commit(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := b.Sub(ctx, runtime.SubConfig{Region: subbuf.Range{Offset: 5000, Size: 1}, Access: dmabuf.Write}); !errors.Is(err, subbuf.ErrOverlap) {
		t.Errorf("overlap: %v", err)
	}
	if err := b.Close(); !errors.Is(err, subbuf.ErrLive) {
		t.Errorf("closing the parent first: %v", err)
	}
	for _, sub := range subs {
		if err := s.Call(ctx, "sum", nil, sub.Range(5000, 2, runtime.In)); err == nil {
			t.Error("a range past the end of the sub-buffer was accepted")
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(read(t, b), model) {
		t.Error("parent is wrong after the commits")
	}
	var crc uint32
	if err := s.Call(ctx, "crc32c", &crc, b.In()); err != nil || crc != functions.CRC32C(model) {
		t.Errorf("processor sees another parent: %#x, %v", crc, err)
	}
	for _, r := range badRanges(b.Size()) {
		if _, err := b.Sub(ctx, runtime.SubConfig{Region: subbuf.Range{Offset: r[0], Size: r[1]}, Access: dmabuf.Read}); err == nil {
			t.Errorf("sub-buffer of range %v", r)
		}
	}
	readOnly, err := b.Sub(ctx, runtime.SubConfig{Region: subbuf.Range{Offset: 0, Size: 4096}, Access: dmabuf.Read})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "fill", nil, readOnly.Out(), 1); err == nil {
		t.Error("a sub-buffer for reading was written")
	}
	if err := readOnly.Close(); err != nil {
		t.Error(err)
	}
}

// testSubTile takes a tile of a picture through on-chip memory.
func testSubTile(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const w, h = 200, 100
	pic := pattern(w * h)
	b := e.buffer(t, "picture", pic)
	tile, err := b.Sub(ctx, runtime.SubConfig{
		Region: subbuf.Rect{Origin: [3]int64{50, 20, 0}, Size: [3]int64{64, 32, 1}, RowPitch: w},
		Access: dmabuf.ReadWrite, Mode: subbuf.Copy, Heap: e.OnChip, Name: "tile",
	})
	if err != nil {
		t.Fatal(err)
	}
	if tile.Buffer().Heap() == b.Heap() {
		t.Errorf("tile lies in %s", b.Heap())
	}
	out := e.alloc(t, e.OnChip, 64*32, "out")
	if err := s.Call(ctx, "sobel3x3", nil, out.Out(), tile.In(), 64, 32, 64); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "copy", nil, tile.Out(), out.In()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tile.Commit(), tile.Close()); err != nil {
		t.Fatal(err)
	}
	cut, edges := make([]byte, 64*32), make([]byte, 64*32)
	for y := range 32 {
		copy(cut[y*64:(y+1)*64], pic[(20+y)*w+50:])
	}
	if _, err := functions.Sobel3x3(edges, cut, 64, 32, 64); err != nil {
		t.Fatal(err)
	}
	for y := range 32 {
		copy(pic[(20+y)*w+50:][:64], edges[y*64:])
	}
	if !bytes.Equal(read(t, b), pic) {
		t.Error("picture with the tile is wrong")
	}
}

func testMalloc(t *testing.T, e *env) {
	ddr, err := e.rt.MallocDDR(5000)
	if err != nil {
		t.Fatal(err)
	}
	msmc, err := e.rt.MallocMSMC(300)
	if err != nil {
		t.Fatal(err)
	}
	if len(ddr) != 5000 || cap(ddr) != 5000 || len(msmc) != 300 {
		t.Errorf("lengths %d and %d", len(ddr), len(msmc))
	}
	for _, p := range [][]byte{ddr, msmc} {
		_, off, d, err := e.rt.Resolve(e.Processor, p)
		if err != nil || off != 0 || uint64(d)%runtime.MallocAlign != 0 {
			t.Errorf("offset %d, device %v: %v", off, d, err)
		}
		b, off2, inner, err := e.rt.Resolve(e.Processor, p[200:300])
		if err != nil || off2 != 200 || inner != d+200 {
			t.Errorf("interior pointer: %v, offset %d, device %v: %v", b, off2, inner, err)
		}
		if err := e.rt.Free(p[200:]); !errors.Is(err, runtime.ErrUnknownPointer) {
			t.Errorf("free of an interior pointer: %v", err)
		}
	}
	for name, p := range map[string][]byte{"nil": nil, "empty": {}, "Go memory": make([]byte, 10)} {
		if err := e.rt.Free(p); !errors.Is(err, runtime.ErrUnknownPointer) {
			t.Errorf("free of %s: %v", name, err)
		}
		if _, err := e.rt.RefOf(p, runtime.In); !errors.Is(err, runtime.ErrUnknownPointer) {
			t.Errorf("RefOf %s: %v", name, err)
		}
	}
	if _, err := e.rt.MallocMSMC(1 << 30); !errors.Is(err, runtime.ErrNoMemory) {
		t.Errorf("on-chip memory of 1 GiB: %v", err)
	}
	for _, n := range []int64{0, -1} {
		if _, err := e.rt.MallocDDR(n); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("malloc of %d bytes: %v", n, err)
		}
	}
	if err := errors.Join(e.rt.Free(msmc), e.rt.Free(ddr)); err != nil {
		t.Error(err)
	}
	if err := e.rt.Free(ddr); !errors.Is(err, runtime.ErrUnknownPointer) {
		t.Errorf("double free: %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				p, err := e.rt.MallocDDR(int64(4096 + i*100))
				if err != nil {
					t.Error(err)
					return
				}
				p[0], p[len(p)-1] = 1, 2
				if _, err := e.rt.RefOf(p[1:], runtime.In); err != nil {
					t.Error(err)
				}
				if err := e.rt.Free(p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// testMallocCalls: no brackets anywhere, and still the right bytes on both sides.
func testMallocCalls(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	p, err := e.rt.MallocDDR(8192)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		copy(p, pattern(8192))
		p[100] = byte(i)
		in, err := e.rt.RefOf(p[100:5000], runtime.In)
		if err != nil {
			t.Fatal(err)
		}
		var crc uint32
		if err := s.Call(ctx, "crc32c", &crc, in); err != nil || crc != functions.CRC32C(p[100:5000]) {
			t.Fatalf("round %d: %#x, %v", i, crc, err)
		}
		out, err := e.rt.RefOf(p[5000:6000], runtime.Out)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Call(ctx, "fill", nil, out, i); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p[5000:6000], bytes.Repeat([]byte{byte(i)}, 1000)) || p[4999] != pattern(8192)[4999] {
			t.Fatalf("round %d: what the processor wrote is not there", i)
		}
	}
	if err := e.rt.Free(p); err != nil {
		t.Error(err)
	}
}
