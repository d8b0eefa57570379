// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
	"github.com/offload-runtime/offload/subbuf"
)

func TestCalibrate(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Cost: subbuf.CostModel{CopyNsPerByte: 1e9}})
	m, err := rt.Calibrate(t.Context(), runtime.CalibrateConfig{Processor: "dsp0", Copies: "msmc", Size: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if m.CopyNsPerByte <= 0 || m.SyncFixedNs <= 0 || m.AllocNs <= 0 || m.SyncNsPerByte < 0 {
		t.Errorf("%+v", m)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		c    runtime.CalibrateConfig
		want error
	}{
		{t.Context(), runtime.CalibrateConfig{Size: -1}, os.ErrInvalid},
		{t.Context(), runtime.CalibrateConfig{Processor: "none"}, fs.ErrNotExist},
		{t.Context(), runtime.CalibrateConfig{Heap: "none"}, fs.ErrNotExist},
		{t.Context(), runtime.CalibrateConfig{Size: 1 << 40}, runtime.ErrNoMemory},
		{over, runtime.CalibrateConfig{}, context.Canceled},
	} {
		if _, err := rt.Calibrate(c.ctx, c.c); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.c, err, c.want)
		}
	}
}

// TestCost: Auto decides by the runtime's cost model.
func TestCost(t *testing.T) {
	for mode, cost := range map[subbuf.Mode]subbuf.CostModel{
		subbuf.Share: {CopyNsPerByte: 1e9}, subbuf.Copy: {SyncFixedNs: 1, SyncNsPerByte: 1e9},
	} {
		rt := onSim(t, sim.Config{}, runtime.Config{Cost: cost})
		b := alloc(t, rt, runtime.AllocConfig{Size: 1 << 20})
		s, err := b.Sub(t.Context(), runtime.SubConfig{Region: subbuf.Range{Size: 4096}, Access: dmabuf.ReadWrite})
		if err != nil {
			t.Fatal(err)
		}
		if s.Mode() != mode {
			t.Errorf("%v with %+v: %s", s.Mode(), cost, s.Explain())
		}
		if err := errors.Join(s.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
}
