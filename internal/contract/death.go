// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"context"
	"errors"
	"os"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

// short is the deadline of a call that is meant to miss it.
const short = 50 * time.Millisecond

func testDeadline(t *testing.T, e *env) {
	s := e.start(t)
	ctx, cancel := context.WithTimeout(e.ctx(t), short)
	defer cancel()
	if err := s.Call(ctx, "sleep", nil, 3000); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, runtime.ErrRemote) {
		t.Errorf("call beyond its deadline: %v", err)
	}
	if err := s.Call(e.ctx(t), "ping", nil, 1); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func testCancel(t *testing.T, e *env) {
	s := e.start(t)
	before := e.rt.Stats()
	var wg sync.WaitGroup
	for range min(4, s.Remote().Window) {
		ctx, cancel := context.WithCancel(e.ctx(t))
		wg.Go(func() {
			if err := s.Call(ctx, "sleep", nil, 2000); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled call: %v", err)
			}
		})
		time.AfterFunc(short, cancel)
	}
	wg.Wait()
	// The answers come late, are counted, and disturb nobody. On a busy machine a call may be cancelled before it is sent.
	abandoned := e.rt.Stats().Abandoned - before.Abandoned
	for e.rt.Stats().LateAnswers-before.LateAnswers < abandoned {
		if err := s.Call(e.ctx(t), "echo", nil, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// testQuarantine: a buffer whose call has been abandoned is nobody's until the processor has been restarted.
func testQuarantine(t *testing.T, e *env) {
	if !e.Stoppable {
		t.Skip("the board cannot stop a processor that hangs")
	}
	s := e.start(t)
	b := e.buffer(t, "b", pattern(4096))
	// The function set has no function that hangs with a buffer, so a fill waits behind a call that hangs.
	hanging, cancel := context.WithCancel(e.ctx(t))
	defer cancel()
	sent := e.rt.Stats().BytesSent
	go func() { _ = s.Call(hanging, "hang", nil) }()
	for e.rt.Stats().BytesSent == sent && hanging.Err() == nil {
		goruntime.Gosched() // an emulated board has one CPU
	}
	// On a busy machine a deadline may pass before the request is sent, and then nothing is quarantined.
	for abandoned := e.rt.Stats().Abandoned; e.rt.Stats().Abandoned == abandoned; {
		ctx, cancel := context.WithTimeout(e.ctx(t), short)
		if err := s.Call(ctx, "fill", nil, b.Out(), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("call to a processor that hangs: %v", err)
		}
		cancel()
	}
	if err := b.Begin(dmabuf.Read); !errors.Is(err, runtime.ErrQuarantined) || !errors.Is(err, runtime.ErrBusy) {
		t.Errorf("bracket on a quarantined buffer: %v", err)
		if err == nil {
			_ = b.End(dmabuf.Read)
		}
	}
	if err := b.BeginContext(e.ctx(t), dmabuf.Read); !errors.Is(err, runtime.ErrQuarantined) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bracket that would wait for a quarantined buffer: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.View(dmabuf.ReadWrite, func(p []byte) error { return nil }); err != nil {
		t.Errorf("after the stop: %v", err)
	}
	again := e.start(t)
	if err := again.Call(e.ctx(t), "sum", nil, b.In()); err != nil {
		t.Errorf("in the next session: %v", err)
	}
}

// crash makes the firmware crash and checks what the calls in flight get.
func (e *env) crash(t *testing.T, s *runtime.Session, method string, args ...any) {
	t.Helper()
	generation := s.Generation()
	err := s.Call(e.ctx(t), method, nil, args...)
	var crash *runtime.CrashError
	if !errors.Is(err, runtime.ErrCrashed) || !errors.As(err, &crash) {
		t.Fatalf("%s: %v", method, err)
	}
	if crash.Processor != e.Processor || crash.Generation != generation || e.KeepsTrace && len(crash.Trace) == 0 {
		t.Errorf("%s: %+v", method, crash)
	}
	if !e.RestartsSelf {
		p := e.remoteproc(t)
		if _, err := p.WaitState(e.ctx(t), firmware.StateCrashed); err != nil {
			t.Fatal(err)
		}
		if err := p.Recover(e.ctx(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *env) remoteproc(t *testing.T) *firmware.Processor {
	t.Helper()
	list, err := e.Board.Processors()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Info().Name == e.Processor {
			return p.Remoteproc()
		}
	}
	t.Fatalf("board lacks %s", e.Processor)
	return nil
}

func testCrash(t *testing.T, e *env) {
	s := e.start(t)
	b := e.buffer(t, "b", pattern(4096))
	if err := s.Call(e.ctx(t), "sum", nil, b.In()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		was := s.Generation()
		var wg sync.WaitGroup
		if s.Remote().Window > 1 {
			wg.Go(func() {
				// Whether it was sent before the crash or waits until after it, it must end.
				if err := s.Call(e.ctx(t), "sleep", nil, 20); err != nil && !errors.Is(err, runtime.ErrCrashed) {
					t.Errorf("call beside the crash: %v", err)
				}
			})
		}
		e.crash(t, s, "crash", 0)
		wg.Wait()
		// The next call waits for the processor to come back.
		var n uint64
		if err := s.Call(e.ctx(t), "echo", &n, i); err != nil || n != uint64(i) {
			t.Fatalf("after crash %d: %d, %v", i, n, err)
		}
		if s.Generation() == was {
			t.Errorf("generation is still %d", was)
		}
		if err := s.Call(e.ctx(t), "fill", nil, b.Out(), i); err != nil {
			t.Fatalf("buffer after crash %d: %v", i, err)
		}
		if !bytes.Equal(read(t, b), bytes.Repeat([]byte{byte(i)}, 4096)) {
			t.Fatalf("buffer after crash %d has the wrong bytes", i)
		}
	}
}

func testCrashAfterAnswer(t *testing.T, e *env) {
	s := e.start(t)
	was := s.Generation()
	// The kernel drops messages that wait when the endpoint dies, so that the answer may be lost.
	if err := s.Call(e.ctx(t), "crash", nil, 1); err != nil && !errors.Is(err, runtime.ErrCrashed) {
		t.Fatal(err)
	}
	if !e.RestartsSelf {
		p := e.remoteproc(t)
		if _, err := p.WaitState(e.ctx(t), firmware.StateCrashed); err != nil {
			t.Fatal(err)
		}
		if err := p.Recover(e.ctx(t)); err != nil {
			t.Fatal(err)
		}
	}
	for s.Generation() == was {
		if err := s.Call(e.ctx(t), "ping", nil, 1); err != nil && !errors.Is(err, runtime.ErrCrashed) {
			t.Fatal(err)
		}
	}
	if err := s.Call(e.ctx(t), "ping", nil, 1); err != nil {
		t.Error(err)
	}
}

func testWildAccess(t *testing.T, e *env) {
	s := e.start(t)
	e.crash(t, s, "wild", e.WildAddress)
	if err := s.Call(e.ctx(t), "ping", nil, 1); err != nil {
		t.Error(err)
	}
	// Checked accesses are refused instead.
	nowhere := e.NoAddress
	if nowhere == 0 {
		nowhere = e.WildAddress
	}
	if err := s.Call(e.ctx(t), "peek", nil, nowhere); !errors.Is(err, runtime.ErrBadBuffer) {
		t.Errorf("peek: %v", err)
	}
	if err := s.Call(e.ctx(t), "poke", nil, nowhere, 1, 1); !errors.Is(err, runtime.ErrBadBuffer) {
		t.Errorf("poke: %v", err)
	}
}

func testCloseDuringCall(t *testing.T, e *env) {
	s := e.start(t)
	b := e.buffer(t, "b", pattern(4096))
	sent := e.rt.Stats().BytesSent
	done := make(chan error, 1)
	go func() { done <- s.Call(e.ctx(t), "sleep", nil, 10000) }()
	for e.rt.Stats().BytesSent == sent {
		goruntime.Gosched() // an emulated board has one CPU
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("call on a session that is closed: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the call hangs")
	}
	read(t, b)
}

// testStopByOthers stops and starts the processor behind the session's back.
func testStopByOthers(t *testing.T, e *env) {
	s := e.start(t)
	b := e.buffer(t, "b", pattern(4096))
	if err := s.Call(e.ctx(t), "sum", nil, b.In()); err != nil {
		t.Fatal(err)
	}
	p := e.remoteproc(t)
	if err := p.Stop(e.ctx(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(e.ctx(t), short)
	defer cancel()
	if err := s.Call(ctx, "ping", nil, 1); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, runtime.ErrCrashed) {
		t.Errorf("call to a stopped processor: %v", err)
	}
	if err := p.Start(e.ctx(t)); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for {
		err := s.Call(e.ctx(t), "sum", &sum, b.In())
		if err == nil {
			break
		}
		if !errors.Is(err, runtime.ErrCrashed) {
			t.Fatalf("after the start: %v", err)
		}
	}
}
