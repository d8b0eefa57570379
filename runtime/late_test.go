// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestLateAnswer: an answer that comes after its caller has left gives the buffer back and the slot free, more often than
// the window is wide.
func TestLateAnswer(t *testing.T) {
	release := make(chan struct{})
	mux := sim.NewMux()
	mux.HandleTask("slow", func(c *sim.Call) error {
		out := c.Out()
		if err := c.End(); err != nil {
			return err
		}
		<-release
		for i := range out {
			out[i] = 7
		}
		return nil
	})
	_, rt := simulated(t, sim.Config{Programs: map[string]*sim.Mux{"slow": mux}})
	image, err := sim.Firmware(sim.FirmwareConfig{Program: "slow"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0", Image: image, Window: 3})
	if err != nil {
		t.Fatal(err)
	}
	b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 4096, Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		f := s.Go(ctx, "slow", nil, b.Out())
		cancel()
		if err := f.Wait(); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled call: %v", err)
		}
		if err := b.Begin(dmabuf.Read); !errors.Is(err, runtime.ErrQuarantined) {
			t.Fatalf("bracket before the late answer: %v", err)
		}
		release <- struct{}{}
		deadline := time.Now().Add(30 * time.Second)
		for {
			err := b.Begin(dmabuf.Read)
			if err == nil {
				break
			}
			if !errors.Is(err, runtime.ErrQuarantined) || time.Now().After(deadline) {
				t.Fatalf("bracket after the late answer: %v", err)
			}
		}
		p, err := b.Bytes()
		if err != nil || p[0] != 7 || p[4095] != 7 {
			t.Errorf("what the late call wrote: %v, %v", p[:1], err)
		}
		if err := b.End(dmabuf.Read); err != nil {
			t.Fatal(err)
		}
		if _, err := b.WriteAt(make([]byte, 4096), 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := rt.Stats().LateAnswers; n != 20 {
		t.Errorf("%d late answers counted", n)
	}
}

// TestStaleID: the answer to an earlier request in the same slot is not taken for the answer to the present one.
func TestStaleID(t *testing.T) {
	var last uint32
	rt, s, err := start(t, func(m wire.Message, send func([]byte)) {
		switch m.Method.Num {
		case wire.MethodHello:
			b := wire.AppendArray(wire.AppendResponse(nil, m.ID), 9)
			for _, v := range []uint64{1, 496, 1, 64, 32, 0, 5, 1} { // a window of one: every call has the same slot
				b = wire.AppendUint(b, v)
			}
			send(wire.AppendStr(b, "hostile"))
		case wire.MethodMethods:
			send(goodMethods(m.ID))
		default:
			send(wire.AppendStr(wire.AppendResponse(nil, last), "stale"))
			last = m.ID
			send(wire.AppendStr(wire.AppendResponse(nil, m.ID), "fresh"))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 10 {
		var got string
		if err := s.Call(ctx, "echo", &got, i); err != nil || got != "fresh" {
			t.Fatalf("call %d: %q, %v", i, got, err)
		}
	}
	if rt.Stats().Unmatched != 10 {
		t.Errorf("%d stale answers counted", rt.Stats().Unmatched)
	}
}
