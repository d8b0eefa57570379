// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// bench is a session on the simulated DSP whose firmware has a function that takes what a call usually carries, and does
// nothing with it.
func bench(b testing.TB) (*runtime.Runtime, *runtime.Session) {
	b.Helper()
	mux := sim.NewMux()
	mux.HandleFunc("nop", func(c *sim.Call) error {
		c.Ref()
		c.Ref()
		n := c.Uint() + c.Uint() + c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultUint(n)
	})
	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"bench": mux}})
	if err != nil {
		b.Fatal(err)
	}
	image, err := sim.Firmware(sim.FirmwareConfig{Program: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	rt, err := runtime.New(runtime.Config{Board: board})
	if err != nil {
		b.Fatal(err)
	}
	s, err := rt.Start(b.Context(), runtime.SessionConfig{Processor: "dsp0", Image: image})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := rt.Close(); err != nil {
			b.Error(err)
		}
		if err := board.Close(); err != nil {
			b.Error(err)
		}
	})
	return rt, s
}

func buffers(b testing.TB, rt *runtime.Runtime) (x, y *runtime.Buffer) {
	b.Helper()
	for _, p := range []**runtime.Buffer{&x, &y} {
		var err error
		if *p, err = rt.Alloc(b.Context(), runtime.AllocConfig{Size: 64 << 10, Name: "bench"}); err != nil {
			b.Fatal(err)
		}
	}
	return x, y
}

// report adds the quantiles of single calls to the benchmark's mean.
func report(b *testing.B, h *hdrhistogram.Histogram) {
	for name, q := range map[string]float64{"p50-ns": 50, "p99-ns": 99, "p99.9-ns": 99.9} {
		b.ReportMetric(float64(h.ValueAtQuantile(q)), name)
	}
}

// BenchmarkCall is a call with two buffers and three integers, there and back.
func BenchmarkCall(b *testing.B) {
	rt, s := bench(b)
	x, y := buffers(b, rt)
	ctx := context.Background()
	b.Run("Invoke", func(b *testing.B) {
		h := hdrhistogram.New(1, int64(time.Second), 3)
		var args runtime.Args
		var sum uint64
		b.ReportAllocs()
		for b.Loop() {
			t := time.Now()
			args.Reset().Ref(x.In()).Ref(y.Out()).Uint(1).Uint(1000).Uint(1 << 20)
			if err := s.Invoke(ctx, "nop", &args, &sum); err != nil {
				b.Fatal(err)
			}
			_ = h.RecordValue(int64(time.Since(t)))
		}
		report(b, h)
	})
	b.Run("Call", func(b *testing.B) {
		h := hdrhistogram.New(1, int64(time.Second), 3)
		var sum uint64
		b.ReportAllocs()
		for b.Loop() {
			t := time.Now()
			if err := s.Call(ctx, "nop", &sum, x.In(), y.Out(), 1, 1000, 1<<20); err != nil {
				b.Fatal(err)
			}
			_ = h.RecordValue(int64(time.Since(t)))
		}
		report(b, h)
	})
	b.Run("Deadline", func(b *testing.B) {
		var args runtime.Args
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			args.Reset().Ref(x.In()).Ref(y.Out()).Uint(1).Uint(1000).Uint(1 << 20)
			if err := s.Invoke(ctx, "nop", &args, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Parallel16", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			var args runtime.Args
			for pb.Next() {
				args.Reset().Ref(x.In()).Ref(y.In()).Uint(1).Uint(1000).Uint(1 << 20)
				if err := s.Invoke(ctx, "nop", &args, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// TestInvokeAllocs: the caller's path allocates nothing after warm-up, and neither do receiver and board.
func TestInvokeAllocs(t *testing.T) {
	rt, s := bench(t)
	x, y := buffers(t, rt)
	var args runtime.Args
	var sum uint64
	call := func() {
		args.Reset().Ref(x.In()).Ref(y.Out()).Uint(1).Uint(1000).Uint(1 << 20)
		if err := s.Invoke(context.Background(), "nop", &args, &sum); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		call()
	}
	if n := testing.AllocsPerRun(1000, call); n != 0 {
		t.Errorf("%v allocations for a call", n)
	}
}
