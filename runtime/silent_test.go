// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestSilentCrash: with recovery disabled nothing but the state attribute shows a crash. The calls end all the same, and the
// session comes back when somebody recovers the processor.
func TestSilentCrash(t *testing.T) {
	board, rt := simulated(t, sim.Config{})
	image, err := sim.Firmware(sim.FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := rt.Start(ctx, runtime.SessionConfig{Processor: "dsp0", Image: image, Watch: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p, err := board.Processor("dsp0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Remoteproc().SetRecovery(ctx, false); err != nil {
		t.Fatal(err)
	}
	err = s.Call(ctx, "crash", nil, 0)
	var crash *runtime.CrashError
	if !errors.Is(err, runtime.ErrCrashed) || !errors.As(err, &crash) || !errors.Is(err, firmware.ErrCrashed) {
		t.Fatalf("call to a processor that crashed silently: %v", err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- s.Call(ctx, "ping", nil, 1) }()
	if err := p.Remoteproc().Recover(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("call that waited for the recovery: %v", err)
	}
}

// TestSessionLost: a processor that does not come back ends the session, and calls without a deadline end too.
func TestSessionLost(t *testing.T) {
	board, rt := simulated(t, sim.Config{})
	image, err := sim.Firmware(sim.FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0", Image: image, RecoveryTime: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p, err := board.Processor("dsp0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Remoteproc().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = s.Call(context.Background(), "ping", nil, 1)
	}
	if !errors.Is(err, runtime.ErrCrashed) {
		t.Errorf("call to a processor that is gone for good: %v", err)
	}
	if err := s.Call(context.Background(), "ping", nil, 1); !errors.Is(err, runtime.ErrCrashed) {
		t.Errorf("and again: %v", err)
	}
}

func simulated(t *testing.T, c sim.Config) (*sim.Board, *runtime.Runtime) {
	t.Helper()
	board, err := sim.New(c)
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
	return board, rt
}
