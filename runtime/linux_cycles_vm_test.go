// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
)

const (
	stopCycles  = 300
	crashCycles = 100
)

// flight is calls that are under way all the time, on buffers of their own.
type flight struct {
	buffers  []*runtime.Buffer
	calls    atomic.Int64
	crashed  atomic.Int64
	finished sync.WaitGroup
}

// TestLinuxCycles stops and crashes a processor again and again under load. No call hangs, each ends with a right result or
// the error it should, and when all is over the kernel has no buffer, attachment or descriptor more than before.
func TestLinuxCycles(t *testing.T) {
	b := openBoard(t, "")
	before := kernelUse(t)
	var f flight
	for range 4 {
		f.buffers = append(f.buffers, b.alloc(t, "linux,cma", 16<<10))
	}
	held := kernelUse(t)
	if held.buffers != before.buffers+len(f.buffers) {
		t.Fatalf("%+v with %d buffers more than %+v", held, len(f.buffers), before)
	}

	var starts, stops []time.Duration
	for cycle := range stopCycles {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		began := time.Now()
		s, err := b.rt.Start(ctx, b.config())
		if err != nil {
			t.Fatalf("start %d: %v", cycle, err)
		}
		starts = append(starts, time.Since(began))
		began = time.Now()
		f.fly(t, ctx, s)
		for f.calls.Load() < int64((cycle+1)*8) && ctx.Err() == nil && time.Since(began) < patience {
			<-time.After(100 * time.Microsecond)
		}
		began = time.Now()
		if err := s.Close(); err != nil {
			t.Fatalf("stop %d: %v", cycle, err)
		}
		stops = append(stops, time.Since(began))
		f.land(t, ctx)
		cancel()
		if t.Failed() {
			t.Fatalf("in stop cycle %d", cycle)
		}
	}
	if now := kernelUse(t); now.attachments != held.attachments {
		t.Errorf("the processor is off and there are %d attachments, not %d", now.attachments, held.attachments)
	}
	t.Logf("%d stop/start cycles with %d calls: start %s, stop %s", stopCycles, f.calls.Load(), spread(starts), spread(stops))

	f.calls.Store(0)
	var recoveries []time.Duration
	s := b.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	f.fly(t, ctx, s)
	for cycle := range crashCycles {
		was := s.Generation()
		began := time.Now()
		if cycle%2 == 0 {
			b.crash(t) // the kernel's own way through a crash
		} else if err := s.Call(ctx, "crash", nil, 0); !errors.Is(err, runtime.ErrCrashed) { // an exception
			t.Fatalf("crash %d: %v", cycle, err)
		}
		for s.Generation() == was {
			err := s.Call(ctx, "ping", nil, cycle)
			if err != nil && !errors.Is(err, runtime.ErrCrashed) || time.Since(began) > patience {
				t.Fatalf("recovery %d: %v", cycle, err)
			}
		}
		if err := s.Call(ctx, "ping", nil, cycle); err != nil {
			t.Fatalf("after recovery %d: %v", cycle, err)
		}
		recoveries = append(recoveries, time.Since(began))
		if t.Failed() {
			t.Fatalf("in crash cycle %d", cycle)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	f.land(t, ctx)
	t.Logf("%d crash/recovery cycles with %d calls, of which %d failed with ErrCrashed: from crash to answer %s",
		crashCycles, f.calls.Load(), f.crashed.Load(), spread(recoveries))
	if f.crashed.Load() == 0 {
		t.Error("no call was in flight at any crash")
	}

	for _, buf := range f.buffers {
		if err := buf.Close(); err != nil {
			t.Error(err)
		}
	}
	b.settled(t, before)
	t.Logf("buffers and attachments in the kernel: %+v before, %+v with the buffers, %+v after", before, held, kernelUse(t))
}

// fly starts one caller for each buffer: a function that reads it, one that writes it, and one whose argument needs a buffer
// for the time of the call.
func (f *flight) fly(t *testing.T, ctx context.Context, s *runtime.Session) {
	inline := bytes.Repeat([]byte{3}, 3000)
	crc := functions.CRC32C(inline)
	for i, buf := range f.buffers {
		f.finished.Go(func() {
			for n := 0; ; n++ {
				value := byte(n)
				var got, moved uint64
				var err error
				if err = s.Call(ctx, "fill", nil, buf.Out(), value); err == nil {
					if err = s.Call(ctx, "sum", &got, buf.In()); err == nil {
						err = s.Call(ctx, "crc32c", &moved, inline)
					}
				}
				switch {
				case err == nil:
					f.calls.Add(3)
					if got != uint64(value)*uint64(buf.Size()) || uint32(moved) != crc {
						t.Errorf("caller %d: sum %d of %d times %d, crc32c %#x of %#x", i, got, buf.Size(), value, moved, crc)
						return
					}
				case errors.Is(err, os.ErrClosed):
					return
				case errors.Is(err, runtime.ErrCrashed):
					f.crashed.Add(1)
				case errors.Is(err, runtime.ErrBusy):
					// Between the death of the endpoint and that of the processor the buffer of a failed call is nobody's.
				default:
					t.Errorf("caller %d: %v", i, err)
					return
				}
			}
		})
	}
}

// land waits for the callers. A closed session has none that waits.
func (f *flight) land(t *testing.T, ctx context.Context) {
	t.Helper()
	done := make(chan struct{})
	go func() { f.finished.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("a call hangs")
	}
}

// spread is median, 99th percentile and maximum.
func spread(d []time.Duration) string {
	d = slices.Sorted(slices.Values(d))
	at := func(q float64) string { return d[int(q*float64(len(d)-1))].Round(10 * time.Microsecond).String() }
	return "median " + at(0.5) + ", p99 " + at(0.99) + ", max " + at(1)
}
