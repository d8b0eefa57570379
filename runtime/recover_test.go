// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func session(t *testing.T, board *sim.Board, rt *runtime.Runtime, c runtime.SessionConfig) *runtime.Session {
	t.Helper()
	image, err := sim.Firmware(sim.FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c.Processor, c.Image, c.Watch = "dsp0", image, 2*time.Millisecond
	s, err := rt.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecoverRestart: where the kernel does not, the session restarts what crashed, but not for ever.
func TestRecoverRestart(t *testing.T) {
	board, rt := simulated(t, sim.Config{})
	s := session(t, board, rt, runtime.SessionConfig{Recovery: runtime.RecoverRestart, RestartLimit: 3})
	p, err := board.Processor("dsp0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Remoteproc().SetRecovery(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 3 {
		if err := s.Call(ctx, "crash", nil, 0); !errors.Is(err, runtime.ErrCrashed) {
			t.Fatalf("crash %d: %v", i, err)
		}
		if err := s.Call(ctx, "ping", nil, 1); err != nil {
			t.Fatalf("after crash %d: %v", i, err)
		}
	}
	if err := s.Call(ctx, "crash", nil, 0); !errors.Is(err, runtime.ErrCrashed) {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "ping", nil, 1); !errors.Is(err, runtime.ErrCrashed) || !strings.Contains(err.Error(), "too often") {
		t.Errorf("after one crash too many: %v", err)
	}
}

// TestHeartbeat: a core that hangs reports nothing; its silence does.
func TestHeartbeat(t *testing.T) {
	processors := sim.DefaultProcessors()
	processors[0].Beat = 2 * time.Millisecond
	board, rt := simulated(t, sim.Config{Processors: processors})
	s := session(t, board, rt, runtime.SessionConfig{Recovery: runtime.RecoverRestart, Heartbeat: 300 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := s.Call(ctx, "hang", nil)
	if !errors.Is(err, runtime.ErrCrashed) || !strings.Contains(err.Error(), "no heartbeat") {
		t.Fatalf("call to a processor that hangs: %v", err)
	}
	if err := s.Call(ctx, "ping", nil, 1); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestCrashReport(t *testing.T) {
	processors := sim.DefaultProcessors()
	processors[0].RecoveryDelay = 20 * time.Millisecond
	board, rt := simulated(t, sim.Config{Processors: processors})
	dir := t.TempDir()
	s := session(t, board, rt, runtime.SessionConfig{CrashDir: filepath.Join(dir, "crashes")})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Call(ctx, "echo", nil, 5); err != nil {
		t.Fatal(err)
	}
	err := s.Call(ctx, "crash", nil, 0)
	var crash *runtime.CrashError
	if !errors.As(err, &crash) || crash.Report == "" || !strings.Contains(err.Error(), crash.Report) {
		t.Fatalf("crash: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(crash.Report, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r runtime.CrashReport
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, c := range r.Calls {
		states[c.Method] = c.State
	}
	if r.Processor != "dsp0" || r.Generation != 1 || r.Firmware == "" || states["crash"] != "open" || states["echo"] != "answered" {
		t.Errorf("report %+v", r)
	}
	if trace, err := os.ReadFile(filepath.Join(crash.Report, "trace.txt")); err != nil || len(trace) == 0 {
		t.Errorf("trace: %q, %v", trace, err)
	}
	if err := s.Call(ctx, "ping", nil, 1); err != nil {
		t.Error(err)
	}
}
