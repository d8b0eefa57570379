// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

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
