// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/offload-runtime/offload/runtime"
)

// TestLinuxSoak is TestSoak with a kernel and a real firmware, which crashes again and again.
func TestLinuxSoak(t *testing.T) {
	b := openBoard(t, "")
	k := &soak{rt: b.rt, workers: 12, limit: 2 * time.Second, every: 500}
	k.env(t, 2000)
	c := b.config()
	c.Recovery, c.RestartLimit, c.RecoveryTime = runtime.RecoverRestart, 1<<30, patience
	s, err := b.rt.Start(deadline(t), c)
	if err != nil {
		t.Fatal(err)
	}
	k.s = s
	k.shake = func(ctx context.Context, r *rand.Rand) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := s.Call(ctx, "crash", nil, r.IntN(2)); err != nil && !errors.Is(err, runtime.ErrCrashed) && ctx.Err() == nil {
			t.Errorf("crash: %v", err)
		}
	}
	k.run(t)
	if err := s.Close(); err != nil {
		t.Errorf("closing the session: %v", err)
	}
	if n := b.rt.Stats().Memory.Live; n != 0 {
		t.Errorf("%d bytes of buffers are left", n)
	}
}
