// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestLostControl: a request of the protocol whose answer is lost does not end all further ones.
func TestLostControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, rt := simulated(t, sim.Config{})
		s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0"})
		if err != nil {
			t.Fatal(err)
		}
		if err := board.Inject("dsp0", sim.Fault{Kind: sim.Drop, Method: "ping", ToHost: true}); err != nil {
			t.Fatal(err)
		}
		ping := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var got int
			if err := s.Call(ctx, "ping", &got, 5); err != nil || got != 5 {
				return errors.Join(err, errors.New("no 5"))
			}
			return nil
		}
		if err := ping(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("ping without answer: %v", err)
		}
		for range 3 {
			if err := ping(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
