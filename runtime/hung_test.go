// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestSilentCoreKeepsBuffers: a core that hangs may write to its buffers until it has been stopped. The end of heartbeats, and
// a new conversation with the same run, are no proof of that.
func TestSilentCoreKeepsBuffers(t *testing.T) {
	for name, policy := range map[string]runtime.Recovery{"wait": runtime.RecoverWait, "restart": runtime.RecoverRestart} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testSilentCore(t, policy) })
		})
	}
}

func testSilentCore(t *testing.T, policy runtime.Recovery) {
	// grip holds its buffer until its run ends.
	var mu sync.Mutex
	gripped := false
	set := func(v bool) {
		mu.Lock()
		defer mu.Unlock()
		gripped = v
	}
	isGripped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return gripped
	}
	mux := sim.Functions()
	mux.HandleFunc("grip", func(c *sim.Call) error {
		c.Out()
		set(true)
		defer set(false)
		c.Hang()
		return nil
	})
	processors := sim.DefaultProcessors()
	processors[0].Beat = 5 * time.Millisecond
	board, rt := simulated(t, sim.Config{Processors: processors, Programs: map[string]*sim.Mux{"functions": mux}})
	s := session(t, board, rt, runtime.SessionConfig{Recovery: policy, Heartbeat: 100 * time.Millisecond, RecoveryTime: 3 * time.Second})
	b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 64 << 10, Name: "held"})
	if err != nil {
		t.Fatal(err)
	}
	held, err := b.Address("dsp0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Call(ctx, "grip", nil, b.Out()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("call to a core that hangs: %v", err)
	}
	if err := b.Begin(dmabuf.Read); !errors.Is(err, runtime.ErrQuarantined) {
		t.Errorf("bracket: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); <-time.After(7 * time.Millisecond) {
		before := isGripped()
		x, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 64 << 10, Name: "next"})
		if err != nil {
			t.Fatal(err)
		}
		at, err := x.Address("dsp0")
		if err != nil {
			t.Fatal(err)
		}
		if at.Phys == held.Phys && before && isGripped() {
			t.Fatalf("the core still has the buffer at %v, and somebody else got it", held.Phys)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if policy == runtime.RecoverRestart && isGripped() {
		t.Error("the core was not restarted")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := rt.Stats().Memory.Live; n != 0 {
		t.Errorf("%d bytes are not free although the core stands still", n)
	}
}
