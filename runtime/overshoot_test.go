// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// patient is a session with a firmware that answers a call only when it is cancelled.
func patient(t testing.TB) *runtime.Session {
	t.Helper()
	mux := sim.NewMux()
	mux.HandleTask("wait", func(c *sim.Call) error {
		<-c.Context().Done()
		return c.Context().Err()
	})
	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"wait": mux}})
	if err != nil {
		t.Fatal(err)
	}
	image, err := sim.Firmware(sim.FirmwareConfig{Program: "wait"})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := runtime.New(runtime.Config{Board: board})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(rt.Close(), board.Close()); err != nil {
			t.Error(err)
		}
	})
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0", Image: image})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDeadlineIsExact: in simulated time a call ends at its deadline to the nanosecond, also one that waits for room.
func TestDeadlineIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := patient(t)
		const calls = 200 // more than the window
		done := make(chan time.Duration, calls)
		for i := range calls {
			limit := time.Duration(1+i) * 777 * time.Microsecond
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				began := time.Now()
				err := s.Call(ctx, "wait", nil)
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, runtime.ErrRemote) {
					t.Error(err)
				}
				done <- time.Since(began) - limit
			}()
		}
		for range calls {
			if over := <-done; over > 0 {
				t.Errorf("%v beyond the deadline", over)
			}
		}
	})
}

// BenchmarkDeadlineOvershoot is how long after its deadline a call returns; -benchtime 10000x for as many expiries.
func BenchmarkDeadlineOvershoot(b *testing.B) {
	s := patient(b)
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		deadline, _ := ctx.Deadline()
		if err := s.Call(ctx, "wait", nil); err == nil {
			b.Fatal("an answer that nobody gave")
		}
		_ = h.RecordValue(max(1, int64(time.Since(deadline))))
		cancel()
	}
	report(b, h)
	b.ReportMetric(float64(h.Max()), "max-ns")
}
