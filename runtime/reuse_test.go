// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

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
