// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestBeginContext: a bracket waits for the call that has the buffer, as long as its context lasts.
func TestBeginContext(t *testing.T) { synctest.Test(t, testBeginContext) }

func testBeginContext(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	mux := sim.NewMux()
	mux.HandleFunc("hold", func(c *sim.Call) error {
		c.Ref()
		if err := c.End(); err != nil {
			return err
		}
		entered <- struct{}{}
		<-leave
		return c.ResultUint(1)
	})
	image, err := sim.Firmware(sim.FirmwareConfig{Program: "hold"})
	if err != nil {
		t.Fatal(err)
	}
	rt := onSim(t, sim.Config{Programs: map[string]*sim.Mux{"hold": mux}}, runtime.Config{})
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0", Image: image})
	if err != nil {
		t.Fatal(err)
	}
	b := alloc(t, rt, runtime.AllocConfig{Size: 4096})
	done, opened := make(chan error, 1), make(chan error, 1)
	go func() { done <- s.Call(t.Context(), "hold", nil, b.Out()) }()
	<-entered
	over, cancel := context.WithCancel(t.Context())
	go func() { opened <- b.BeginContext(over, dmabuf.Read) }()
	synctest.Wait()
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ends: %v", err)
	}
	for range 3 {
		go func() {
			opened <- b.ViewContext(t.Context(), dmabuf.Read, func([]byte) error {
				select {
				case <-leave:
				default:
					t.Error("a bracket opened while the call had the buffer")
				}
				return nil
			})
		}()
	}
	synctest.Wait()
	select {
	case err := <-opened:
		t.Errorf("did not wait: %v", err)
	default:
	}
	close(leave)
	for range 3 {
		if err := <-opened; err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(<-done, b.Close()); err != nil {
		t.Error(err)
	}
}
