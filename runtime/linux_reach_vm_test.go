// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
)

// TestR5FReach: memory above what a 32-bit core reaches. The driver refuses to attach it, instead of giving a bounce
// buffer's address, and the error is not a cut-off address.
func TestR5FReach(t *testing.T) {
	needMachine(t, "r5f", "r5f-coherent")
	b := openBoard(t, "r5f")
	before := kernelUse(t)
	buf := b.alloc(t, "high", 8192)
	d, err := buf.DeviceAddress("r5f", 0, 8192)
	if !errors.Is(err, bufmap.ErrReach) && !errors.Is(err, bufmap.ErrNoWindow) || d != 0 {
		t.Errorf("device %v, %v", d, err)
	}
	if err == nil || !strings.Contains(err.Error(), "r5f") {
		t.Errorf("%v does not say for whom", err)
	}
	t.Log(err)
	s := b.start(t)
	if err := s.Call(deadline(t), "sum", nil, buf.In()); !errors.Is(err, bufmap.ErrReach) && !errors.Is(err, bufmap.ErrNoWindow) {
		t.Errorf("as an argument: %v", err)
	}
	low := b.alloc(t, "linux,cma", 8192)
	sum(t, s, low.In(), 0)
	if err := errors.Join(buf.Close(), low.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	b.settled(t, before)
}
