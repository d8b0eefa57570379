// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// onSim starts a runtime on a simulated board. Both are closed at the end of the test.
func onSim(t testing.TB, board sim.Config, c runtime.Config) *runtime.Runtime {
	t.Helper()
	b, err := sim.New(board)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Board = b
	if c.Reuse.ProcFS == "" {
		c.Reuse.ProcFS = t.TempDir() // the pressure of this machine is not to matter
	}
	rt, err := runtime.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

func alloc(t testing.TB, rt *runtime.Runtime, c runtime.AllocConfig) *runtime.Buffer {
	t.Helper()
	b, err := rt.Alloc(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *runtime.Buffer, v byte) {
	t.Helper()
	if _, err := b.WriteAt(bytes.Repeat([]byte{v}, int(b.Size())), 0); err != nil {
		t.Fatal(err)
	}
}

func first(t testing.TB, b *runtime.Buffer) byte {
	t.Helper()
	p := make([]byte, b.Size())
	if _, err := b.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(p, p[:1]) != len(p) {
		t.Errorf("%v holds different bytes", b)
	}
	return p[0]
}

func TestNeeds(t *testing.T) {
	heaps := append(sim.DefaultHeaps(),
		sim.HeapConfig{Name: "high", Phys: 0x10_0000_0000, Size: 1 << 20},
		sim.HeapConfig{Name: "wc", Phys: 0x9_4000_0000, Size: 1 << 20, Uncached: true})
	rt := onSim(t, sim.Config{Heaps: heaps}, runtime.Config{})
	for _, test := range []struct {
		name string
		c    runtime.AllocConfig
		heap string
		err  error
	}{
		{"default", runtime.AllocConfig{}, "ddr", nil},
		{"named", runtime.AllocConfig{Heap: "system"}, "system", nil},
		{"contiguous", runtime.AllocConfig{Contiguous: true}, "ddr", nil},
		{"for the DSP", runtime.AllocConfig{For: []string{"dsp0"}}, "ddr", nil},
		{"for both", runtime.AllocConfig{For: []string{"dsp0", "core0", "dsp0"}}, "ddr", nil},
		{"scattered is enough", runtime.AllocConfig{CPU: runtime.CPUReads}, "system", nil},
		{"written by the CPU", runtime.AllocConfig{CPU: runtime.CPUWrites, For: []string{"core0"}}, "wc", nil},
		{"written by the CPU, for the DSP", runtime.AllocConfig{CPU: runtime.CPUWrites, For: []string{"dsp0"}}, "ddr", nil},
		{"on-chip", runtime.AllocConfig{OnChip: runtime.OnChipRequired}, "msmc", nil},
		{"on-chip or not", runtime.AllocConfig{OnChip: runtime.OnChipPreferred, For: []string{"dsp0"}, Size: 2 << 20}, "ddr", nil},
		{"on-chip and large", runtime.AllocConfig{OnChip: runtime.OnChipRequired, Size: 2 << 20}, "", runtime.ErrNoMemory},
		{"secure", runtime.AllocConfig{Secure: true, For: []string{"dsp0"}}, "secure", nil},
		{"secure by name", runtime.AllocConfig{Heap: "secure", For: []string{"dsp0"}}, "secure", nil},
		{"aligned", runtime.AllocConfig{Align: 1 << 20, For: []string{"dsp0"}}, "ddr", nil},
		{"named and unreachable", runtime.AllocConfig{Heap: "high", For: []string{"dsp0"}}, "", runtime.ErrNoHeap},
		{"named, unreachable, fallback", runtime.AllocConfig{Heap: "high", For: []string{"dsp0"}, Fallback: true}, "ddr", nil},
		{"named and scattered", runtime.AllocConfig{Heap: "system", Contiguous: true}, "", runtime.ErrNoHeap},
		{"named and full", runtime.AllocConfig{Heap: "high", Size: 2 << 20, Fallback: true}, "system", nil},
		{"too large for all", runtime.AllocConfig{Contiguous: true, Size: 1 << 40}, "", runtime.ErrNoMemory},
		{"unknown heap", runtime.AllocConfig{Heap: "none", Contiguous: true}, "", fs.ErrNotExist},
		{"unknown processor", runtime.AllocConfig{For: []string{"none"}}, "", fs.ErrNotExist},
		{"no power of two", runtime.AllocConfig{Align: 3}, "", os.ErrInvalid},
		{"negative alignment", runtime.AllocConfig{Align: -4096}, "", os.ErrInvalid},
		{"aligned for nobody", runtime.AllocConfig{Align: 8192}, "", os.ErrInvalid},
		{"secure and read", runtime.AllocConfig{Secure: true, CPU: runtime.CPUReads}, "", os.ErrInvalid},
		{"nonsense CPU", runtime.AllocConfig{CPU: 77}, "", os.ErrInvalid},
		{"nonsense on-chip", runtime.AllocConfig{OnChip: 77}, "", os.ErrInvalid},
		{"negative size", runtime.AllocConfig{Size: -1, Contiguous: true}, "", os.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.c.Size == 0 {
				test.c.Size = 10000
			}
			verdicts, explained := rt.Explain(t.Context(), test.c)
			b, err := rt.Alloc(t.Context(), test.c)
			if test.err != nil {
				if !errors.Is(err, test.err) {
					t.Fatalf("%v, %v, want %v", b, err, test.err)
				}
				var need *runtime.NeedError
				if errors.As(err, &need) && !strings.Contains(err.Error(), "high: no") {
					t.Errorf("the error does not say why: %v", err)
				}
				return
			}
			if err != nil || explained != nil {
				t.Fatal(err, explained)
			}
			defer b.Close()
			if b.Heap() != test.heap || verdicts[0].Heap != test.heap || verdicts[0].Rank != 1 || !verdicts[0].Suits {
				t.Errorf("from %s, want %s: %v", b.Heap(), test.heap, verdicts)
			}
			for _, v := range verdicts[1:] {
				if !v.Suits && (v.Rank != 0 || len(v.Reasons) == 0) {
					t.Errorf("no reason: %v", v)
				}
			}
			if len(test.c.For) > 0 {
				a, err := b.Address(test.c.For[0])
				if err != nil || test.c.Align > 0 && uint64(a.Phys)%uint64(test.c.Align) != 0 {
					t.Errorf("%+v, %v", a, err)
				}
			}
		})
	}
}

// TestAlign: a page from each megabyte, with odd pages in between, so that the heap's next free page is never aligned.
func TestAlign(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Off: true}})
	for i := range 10 {
		odd := alloc(t, rt, runtime.AllocConfig{Size: int64(4096 * (2*i + 1))})
		b := alloc(t, rt, runtime.AllocConfig{Size: 4096, Align: 1 << 16, For: []string{"dsp0"}})
		if a, err := b.Address("dsp0"); err != nil || a.Phys%(1<<16) != 0 {
			t.Errorf("%+v, %v", a, err)
		}
		defer odd.Close()
		defer b.Close()
	}
}

// TestReuse: memory comes back attached, and zero unless the same owner takes it as it is.
func TestReuse(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{})
	at := func(b *runtime.Buffer) bufmap.DeviceAddr {
		d, err := b.DeviceAddress("dsp0", 0, b.Size())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := alloc(t, rt, runtime.AllocConfig{Size: 100000, Name: "a"})
	place := at(a)
	put(t, a, 1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// The old handle is dead, whoever has the memory.
	if _, err := a.DeviceAddress("dsp0", 0, 1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("address of a closed buffer: %v", err)
	}
	b := alloc(t, rt, runtime.AllocConfig{Size: 99999, Name: "b"})
	if at(b) != place || b.Name() != "b" || b.Size() != 99999 {
		t.Errorf("%v at %v, the memory of a at %v was not used again", b, at(b), place)
	}
	if _, err := a.Bytes(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("bytes of a closed buffer: %v", err)
	}
	if v := first(t, b); v != 0 {
		t.Errorf("b begins with a's bytes: %d", v)
	}
	put(t, b, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	other := alloc(t, rt, runtime.AllocConfig{Size: 100000, Name: "c", Keep: true})
	if v := first(t, other); v != 0 {
		t.Errorf("c keeps b's bytes: %d", v)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	// Much smaller and larger requests do not take it.
	for _, n := range []int64{4096, 70000, 200000} {
		c := alloc(t, rt, runtime.AllocConfig{Size: n})
		if d := at(c); d == place {
			t.Errorf("%d bytes came from memory of 100000", n)
		}
		defer c.Close()
	}
	s := rt.Stats().Memory
	if s.Reused != 2 || s.Fresh != 4 || s.Resting == 0 || s.RestingHigh < s.Resting || s.LiveHigh < s.Live {
		t.Errorf("%+v", s)
	}
	if n, err := rt.Trim(); err != nil || n != s.Resting {
		t.Errorf("trimmed %d of %d: %v", n, s.Resting, err)
	}
	if n := rt.Stats().Memory.Resting; n != 0 {
		t.Errorf("%d bytes rest after Trim", n)
	}
}

// TestReuseKeep: the same owner may have its bytes back, if that is before they are zeroed in idle time, and never half.
func TestReuseKeep(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{})
	kept := 0
	for range 200 {
		b := alloc(t, rt, runtime.AllocConfig{Size: 8192, Name: "k", Keep: true})
		switch first(t, b) {
		case 7:
			kept++
		case 0:
		default:
			t.Fatal("other bytes")
		}
		put(t, b, 7)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if kept == 0 {
		t.Error("no buffer kept its bytes")
	}
}

// TestReuseIdle: idle time zeroes, and nobody waits for that who comes later.
func TestReuseIdle(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{})
	b := alloc(t, rt, runtime.AllocConfig{Size: 1 << 20, Name: "a"})
	put(t, b, 1)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for rt.Stats().Memory.ZeroedIdle < 1<<20 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	c := alloc(t, rt, runtime.AllocConfig{Size: 1 << 20, Name: "b"})
	defer c.Close()
	if v := first(t, c); v != 0 {
		t.Errorf("holds %d", v)
	}
	if s := rt.Stats().Memory; s.ZeroedInTime != 0 || s.Reused != 1 {
		t.Errorf("%+v", s)
	}
}

// TestReuseBounds: what rests is bounded by bytes, number and age, and by pressure.
func TestReuseBounds(t *testing.T) {
	fill := func(t *testing.T, rt *runtime.Runtime, n int, size int64) {
		var list []*runtime.Buffer
		for range n {
			list = append(list, alloc(t, rt, runtime.AllocConfig{Size: size}))
		}
		for _, b := range list {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	empty := func(t *testing.T, rt *runtime.Runtime) {
		for rt.Stats().Memory.Resting > 0 {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("bytes", func(t *testing.T) {
		rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Bytes: 100 << 10}})
		fill(t, rt, 5, 40<<10)
		if s := rt.Stats().Memory; s.Resting != 80<<10 || s.Evicted != 3 {
			t.Errorf("%+v", s)
		}
		fill(t, rt, 1, 1<<20)
		if s := rt.Stats().Memory; s.Resting != 80<<10 {
			t.Errorf("a larger one than all may rest: %+v", s)
		}
	})
	t.Run("buffers", func(t *testing.T) {
		rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Buffers: 3}})
		fill(t, rt, 5, 4096)
		if s := rt.Stats().Memory; s.Resting != 3*4096 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("age", func(t *testing.T) {
		rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Age: time.Millisecond}})
		fill(t, rt, 5, 4096)
		empty(t, rt)
	})
	t.Run("off", func(t *testing.T) {
		rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Off: true}})
		fill(t, rt, 2, 4096)
		if s := rt.Stats().Memory; s.Resting != 0 || s.RestingHigh != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("pressure", func(t *testing.T) {
		proc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(proc, "pressure"), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "some avg10=55.00 avg60=1.00 avg300=0.10 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
		if err := os.WriteFile(filepath.Join(proc, "pressure/memory"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{ProcFS: proc, Age: time.Hour}})
		fill(t, rt, 2, 4096)
		empty(t, rt)
		for rt.Stats().Memory.TrimmedByPressure != 8192 {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("exhausted", func(t *testing.T) {
		rt := onSim(t, sim.Config{}, runtime.Config{})
		fill(t, rt, 10, 100<<10)
		b := alloc(t, rt, runtime.AllocConfig{Size: 1 << 20, Heap: "msmc"})
		defer b.Close()
	})
	for _, bad := range []runtime.ReuseConfig{{Bytes: -1}, {Buffers: -1}, {Age: -1}} {
		board, err := sim.New(sim.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runtime.New(runtime.Config{Board: board, Reuse: bad}); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
		if err := board.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReuseEscaped: memory whose DMA-BUF was given out is never another buffer's.
func TestReuseEscaped(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{})
	b := alloc(t, rt, runtime.AllocConfig{Size: 4096})
	mem := b.DMABuf()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mem.Begin(dmabuf.Read); !errors.Is(err, os.ErrClosed) {
		t.Errorf("DMA-BUF after Close: %v", err)
	}
	if n := rt.Stats().Memory.Resting; n != 0 {
		t.Errorf("%d bytes rest", n)
	}
}

// TestReuseChurn: 10,000 cycles of mixed sizes leave what a fresh process would have.
func TestReuseChurn(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{})
	free := func(name string) (free, largest int64) {
		list, err := rt.Heaps()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(h runtime.HeapInfo) bool { return h.Name == name })
		return list[i].Free, list[i].LargestFree
	}
	free0, largest0 := free("msmc")
	var live []*runtime.Buffer
	x := uint32(1)
	for i := range 10000 {
		x = x*1664525 + 1013904223
		if len(live) > 12 || len(live) > 0 && x>>30 == 0 {
			j := int(x>>8) % len(live)
			if err := live[j].Close(); err != nil {
				t.Fatal(err)
			}
			live = slices.Delete(live, j, j+1)
		}
		b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: int64(x>>12%60000) + 1, Heap: "msmc", Name: "churn"})
		if err != nil {
			t.Fatalf("cycle %d with %d live: %v", i, len(live), err)
		}
		live = append(live, b)
	}
	for _, b := range live {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	s := rt.Stats().Memory
	if s.Reused < s.Fresh {
		t.Errorf("%d reused, %d fresh", s.Reused, s.Fresh)
	}
	// All of the heap is there at once for who needs it, without being told.
	b := alloc(t, rt, runtime.AllocConfig{Size: largest0, Heap: "msmc"})
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := rt.Trim(); err != nil {
		t.Error(err)
	}
	if f, l := free("msmc"); f != free0 || l != largest0 {
		t.Errorf("free %d, largest %d, were %d and %d", f, l, free0, largest0)
	}
}

// TestReuseConcurrent: many owners, zeroing in the background, Trim at any time; nobody sees another's bytes.
func TestReuseConcurrent(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Buffers: 8}})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			name := string(rune('a' + g))
			for i := range 300 {
				b, err := rt.Alloc(context.Background(), runtime.AllocConfig{Size: 8192, Name: name, Keep: i%3 == 0})
				if err != nil {
					t.Error(err)
					return
				}
				err = b.View(dmabuf.ReadWrite, func(p []byte) error {
					for _, v := range p {
						if v != 0 && (i%3 != 0 || v != byte(g+1)) {
							t.Errorf("%s sees %d", name, v)
							break
						}
					}
					for j := range p {
						p[j] = byte(g + 1)
					}
					return nil
				})
				if err := errors.Join(err, b.Close()); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					if _, err := rt.Trim(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestPools(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Pools: []runtime.PoolConfig{
		{Size: 64 << 10, Count: 2, For: []string{"dsp0"}}, {Size: 4096, Count: 1}, {Heap: "msmc", Size: 16 << 10, Count: 1},
	}})
	take := func(size int64, want int64) *runtime.Buffer {
		t.Helper()
		p, err := rt.PoolFor(size)
		if err != nil {
			t.Fatal(err)
		}
		if n := p.Info().Size; n != want {
			t.Errorf("pool of %d for %d bytes, want %d", n, size, want)
		}
		b, err := p.Alloc("frame")
		if err != nil {
			t.Fatal(err)
		}
		if v := first(t, b); v != 0 || b.Size() != want || b.Name() != "frame" {
			t.Errorf("%v holds %d", b, v)
		}
		put(t, b, 9)
		return b
	}
	small := take(100, 4096)
	promoted := take(100, 16<<10)
	again := take(100, 64<<10)
	last := take(50000, 64<<10)
	if _, err := rt.PoolFor(1); !errors.Is(err, runtime.ErrNoMemory) {
		t.Errorf("with all in use: %v", err)
	}
	if b, err := rt.AllocPool(1, "x"); !errors.Is(err, runtime.ErrNoMemory) {
		t.Errorf("with all in use: %v, %v", b, err)
	}
	for _, b := range []*runtime.Buffer{small, promoted, again, last} {
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
	// Pools are no resting memory: nobody else gets theirs, and Trim leaves them.
	if n, err := rt.Trim(); n != 0 || err != nil {
		t.Errorf("trimmed %d: %v", n, err)
	}
	plain := alloc(t, rt, runtime.AllocConfig{Size: 64 << 10})
	defer plain.Close()
	for _, p := range rt.Pools() {
		if p.Free != p.Count || p.High != p.Count {
			t.Errorf("%+v", p)
		}
	}
	for range 3 {
		b, err := rt.AllocPool(5000, "y")
		if err != nil {
			t.Fatal(err)
		}
		if v := first(t, b); v != 0 || b.Size() != 5000 || b.Heap() != "msmc" {
			t.Errorf("%v holds %d", b, v)
		}
		put(t, b, 3)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int64{0, -1} {
		if _, err := rt.PoolFor(n); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("pool for %d: %v", n, err)
		}
		if _, err := rt.AllocPool(n, ""); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%d bytes of a pool: %v", n, err)
		}
	}
	if _, err := rt.PoolFor(1 << 30); !errors.Is(err, runtime.ErrNoMemory) {
		t.Errorf("pool for 1 GiB: %v", err)
	}
	board, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pool runtime.PoolConfig
		want error
	}{
		{runtime.PoolConfig{Size: 0, Count: 1}, os.ErrInvalid}, {runtime.PoolConfig{Size: 1, Count: -1}, os.ErrInvalid},
		{runtime.PoolConfig{Heap: "none", Size: 1, Count: 1}, fs.ErrNotExist},
		{runtime.PoolConfig{Heap: "msmc", Size: 1 << 19, Count: 3}, runtime.ErrNoMemory},
	} {
		if _, err := runtime.New(runtime.Config{Board: board, Pools: []runtime.PoolConfig{c.pool}}); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.pool, err)
		}
	}
	if err := board.Close(); err != nil {
		t.Error(err)
	}
}

func TestQuotas(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Quotas: []runtime.Quota{
		{Bytes: 100 << 10}, {Label: "greedy", Bytes: 20 << 10}, {Label: "many", Buffers: 2}, {Heap: "msmc", Bytes: 8192},
	}})
	deny := func(c runtime.AllocConfig, quota runtime.Quota, used int64) {
		t.Helper()
		_, err := rt.Alloc(t.Context(), c)
		var q *runtime.QuotaError
		if !errors.Is(err, runtime.ErrQuota) || !errors.As(err, &q) {
			t.Fatalf("%+v: %v", c, err)
		}
		if q.Quota != quota || q.Bytes != used {
			t.Errorf("%+v", q)
		}
	}
	a := alloc(t, rt, runtime.AllocConfig{Size: 16 << 10, Name: "greedy"})
	deny(runtime.AllocConfig{Size: 4097, Name: "greedy"}, runtime.Quota{Label: "greedy", Bytes: 20 << 10}, 16<<10)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = alloc(t, rt, runtime.AllocConfig{Size: 20 << 10, Name: "greedy"})
	for range 2 {
		defer alloc(t, rt, runtime.AllocConfig{Size: 1, Name: "many"}).Close()
	}
	deny(runtime.AllocConfig{Size: 1, Name: "many"}, runtime.Quota{Label: "many", Buffers: 2}, 8192)
	c := alloc(t, rt, runtime.AllocConfig{Size: 8192, Heap: "msmc"})
	deny(runtime.AllocConfig{Size: 1, Heap: "msmc"}, runtime.Quota{Heap: "msmc", Bytes: 8192}, 8192)
	// With a fallback the other heaps have room.
	d := alloc(t, rt, runtime.AllocConfig{Size: 1, Heap: "msmc", Contiguous: true, Fallback: true})
	if d.Heap() != "ddr" {
		t.Errorf("%v", d)
	}
	deny(runtime.AllocConfig{Size: 64 << 10}, runtime.Quota{Bytes: 100 << 10}, (20+8+8+4)<<10)
	for _, b := range []*runtime.Buffer{a, c, d} {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	alloc(t, rt, runtime.AllocConfig{Size: 92 << 10}).Close()
	// A failed allocation uses nothing up.
	for range 3 {
		if _, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 92 << 10, Heap: "none"}); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	alloc(t, rt, runtime.AllocConfig{Size: 92 << 10}).Close()
}
