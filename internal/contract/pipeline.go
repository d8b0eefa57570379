// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"errors"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
)

func testFutures(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	data := pattern(5000)
	b := e.buffer(t, "b", data)
	var n [3]uint64
	var crc uint32
	first := s.Go(ctx, "echo", &n[0], 1)
	second := s.Go(ctx, "crc32c", &crc, b.In())
	if err := b.Begin(dmabuf.Write); err == nil {
		// The answer may have come, but the buffer is the remote's until Wait.
		t.Error("a buffer of an open future was handed to the CPU")
		_ = b.End(dmabuf.Write)
	} else if !errors.Is(err, runtime.ErrBusy) {
		t.Error(err)
	}
	if err := errors.Join(second.Wait(), first.Wait(), first.Wait()); err != nil {
		t.Fatal(err)
	}
	if n[0] != 1 || crc != functions.CRC32C(data) {
		t.Errorf("results %d and %#x", n[0], crc)
	}
	if err := s.Go(ctx, "no_such_method", nil).Wait(); !errors.Is(err, runtime.ErrUnknownMethod) {
		t.Errorf("unknown method: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	late := s.Go(short, "sleep", nil, 2000)
	if err := late.Wait(); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, runtime.ErrRemote) {
		t.Errorf("late future: %v", err)
	}
}

func testBatch(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	if err := s.NewBatch().Do(ctx); err != nil {
		t.Errorf("empty batch: %v", err)
	}
	const calls = 200 // several windows and several messages
	var got [calls]uint64
	batch := s.NewBatch()
	for i := range calls {
		batch.Add("echo", &got[i], i)
	}
	if err := batch.Do(ctx); err != nil {
		t.Fatal(err)
	}
	for i, n := range got {
		if n != uint64(i) {
			t.Fatalf("call %d got %d", i, n)
		}
	}
	data := pattern(3000)
	b := e.buffer(t, "b", data)
	var crc uint32
	var sum uint64
	err := s.NewBatch().Add("crc32c", &crc, b.In()).Add("no_such_method", nil).Add("sum", nil, "text").Add("sum", &sum, b.In()).Do(ctx)
	if !errors.Is(err, runtime.ErrUnknownMethod) || !errors.Is(err, runtime.ErrBadArguments) || !strings.Contains(err.Error(), "call 1 of 4") {
		t.Errorf("errors of single calls: %v", err)
	}
	if crc != functions.CRC32C(data) || sum != functions.Sum(data) {
		t.Errorf("the good calls of a batch with bad ones: %#x, %d", crc, sum)
	}
	// Batches that compete for the window must not block each other.
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var got [100]uint64
			batch := s.NewBatch()
			for i := range got {
				batch.Add("echo", &got[i], w*1000+i)
			}
			if err := batch.Do(ctx); err != nil || got[99] != uint64(w*1000+99) {
				t.Errorf("batch %d: %d, %v", w, got[99], err)
			}
		})
	}
	wg.Wait()
}

// testControl: the protocol's own requests do not wait behind the application's.
func testControl(t *testing.T, e *env) {
	s := e.start(t)
	if s.Remote().Window < 2 {
		return
	}
	ctx, cancel := context.WithCancel(e.ctx(t))
	var wg sync.WaitGroup
	sent := e.rt.Stats().BytesSent
	for range s.Remote().Window + 3 {
		wg.Go(func() { _ = s.Call(ctx, "sleep", nil, 60000) })
	}
	for e.rt.Stats().BytesSent == sent && ctx.Err() == nil {
		goruntime.Gosched() // an emulated board has one CPU
	}
	if err := s.Call(e.ctx(t), "ping", nil, 1); err != nil {
		t.Errorf("ping with a full window: %v", err)
	}
	cancel()
	wg.Wait()
}

// testIdempotent: a call that may be repeated survives the crash that another one causes.
func testIdempotent(t *testing.T, e *env) {
	if !e.RestartsSelf {
		return
	}
	c := e.config()
	c.Idempotent = func(method string) bool { return method == "sleep" }
	s, err := e.rt.Start(e.ctx(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.Remote().Window > 1 {
		sleeping := s.Go(e.ctx(t), "sleep", nil, 1) // Go is never repeated
		_ = sleeping.Wait()
		done := make(chan error, 1)
		sent := e.rt.Stats().BytesSent
		go func() { done <- s.Call(e.ctx(t), "sleep", nil, 200) }()
		for e.rt.Stats().BytesSent == sent {
			goruntime.Gosched() // an emulated board has one CPU
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Call(e.ctx(t), "crash", nil, 0); !errors.Is(err, runtime.ErrCrashed) {
			t.Errorf("crash: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("repeated call: %v", err)
		}
		// On a busy machine the first run may have been answered before the crash.
		if n := e.rt.Stats().Repeated; n > 1 {
			t.Errorf("%d calls repeated", n)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
