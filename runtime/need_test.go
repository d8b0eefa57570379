// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func TestNeeds(t *testing.T) {
	heaps := append(sim.DefaultHeaps(),
		sim.HeapConfig{Name: "high", Phys: 0x10_0000_0000, Size: 1 << 20},
		sim.HeapConfig{Name: "wc", Phys: 0x9_4000_0000, Size: 1 << 20, Uncached: true})
	rt := onSim(t, sim.Config{Heaps: heaps}, runtime.Config{})
	for _, test := range []struct {
		name string
		c    runtime.AllocConfig
		heap string
		err  error
	}{
		{"default", runtime.AllocConfig{}, "ddr", nil},
		{"named", runtime.AllocConfig{Heap: "system"}, "system", nil},
		{"contiguous", runtime.AllocConfig{Contiguous: true}, "ddr", nil},
		{"for the DSP", runtime.AllocConfig{For: []string{"dsp0"}}, "ddr", nil},
		{"for both", runtime.AllocConfig{For: []string{"dsp0", "core0", "dsp0"}}, "ddr", nil},
		{"scattered is enough", runtime.AllocConfig{CPU: runtime.CPUReads}, "system", nil},
		{"written by the CPU", runtime.AllocConfig{CPU: runtime.CPUWrites, For: []string{"core0"}}, "wc", nil},
		{"written by the CPU, for the DSP", runtime.AllocConfig{CPU: runtime.CPUWrites, For: []string{"dsp0"}}, "ddr", nil},
		{"on-chip", runtime.AllocConfig{OnChip: runtime.OnChipRequired}, "msmc", nil},
		{"on-chip or not", runtime.AllocConfig{OnChip: runtime.OnChipPreferred, For: []string{"dsp0"}, Size: 2 << 20}, "ddr", nil},
		{"on-chip and large", runtime.AllocConfig{OnChip: runtime.OnChipRequired, Size: 2 << 20}, "", runtime.ErrNoMemory},
		{"secure", runtime.AllocConfig{Secure: true, For: []string{"dsp0"}}, "secure", nil},
		{"secure by name", runtime.AllocConfig{Heap: "secure", For: []string{"dsp0"}}, "secure", nil},
		{"aligned", runtime.AllocConfig{Align: 1 << 20, For: []string{"dsp0"}}, "ddr", nil},
		{"named and unreachable", runtime.AllocConfig{Heap: "high", For: []string{"dsp0"}}, "", runtime.ErrNoHeap},
		{"named, unreachable, fallback", runtime.AllocConfig{Heap: "high", For: []string{"dsp0"}, Fallback: true}, "ddr", nil},
		{"named and scattered", runtime.AllocConfig{Heap: "system", Contiguous: true}, "", runtime.ErrNoHeap},
		{"named and full", runtime.AllocConfig{Heap: "high", Size: 2 << 20, Fallback: true}, "system", nil},
		{"too large for all", runtime.AllocConfig{Contiguous: true, Size: 1 << 40}, "", runtime.ErrNoMemory},
		{"unknown heap", runtime.AllocConfig{Heap: "none", Contiguous: true}, "", fs.ErrNotExist},
		{"unknown processor", runtime.AllocConfig{For: []string{"none"}}, "", fs.ErrNotExist},
		{"no power of two", runtime.AllocConfig{Align: 3}, "", os.ErrInvalid},
		{"negative alignment", runtime.AllocConfig{Align: -4096}, "", os.ErrInvalid},
		{"aligned for nobody", runtime.AllocConfig{Align: 8192}, "", os.ErrInvalid},
		{"secure and read", runtime.AllocConfig{Secure: true, CPU: runtime.CPUReads}, "", os.ErrInvalid},
		{"nonsense CPU", runtime.AllocConfig{CPU: 77}, "", os.ErrInvalid},
		{"nonsense on-chip", runtime.AllocConfig{OnChip: 77}, "", os.ErrInvalid},
		{"negative size", runtime.AllocConfig{Size: -1, Contiguous: true}, "", os.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.c.Size == 0 {
				test.c.Size = 10000
			}
			verdicts, explained := rt.Explain(t.Context(), test.c)
			b, err := rt.Alloc(t.Context(), test.c)
			if test.err != nil {
				if !errors.Is(err, test.err) {
					t.Fatalf("%v, %v, want %v", b, err, test.err)
				}
				var need *runtime.NeedError
				if errors.As(err, &need) && !strings.Contains(err.Error(), "high: no") {
					t.Errorf("the error does not say why: %v", err)
				}
				return
			}
			if err != nil || explained != nil {
				t.Fatal(err, explained)
			}
			defer b.Close()
			if b.Heap() != test.heap || verdicts[0].Heap != test.heap || verdicts[0].Rank != 1 || !verdicts[0].Suits {
				t.Errorf("from %s, want %s: %v", b.Heap(), test.heap, verdicts)
			}
			for _, v := range verdicts[1:] {
				if !v.Suits && (v.Rank != 0 || len(v.Reasons) == 0) {
					t.Errorf("no reason: %v", v)
				}
			}
			if len(test.c.For) > 0 {
				a, err := b.Address(test.c.For[0])
				if err != nil || test.c.Align > 0 && uint64(a.Phys)%uint64(test.c.Align) != 0 {
					t.Errorf("%+v, %v", a, err)
				}
			}
		})
	}
}

func TestAlign(t *testing.T) {
	rt := onSim(t, sim.Config{}, runtime.Config{Reuse: runtime.ReuseConfig{Off: true}})
	for i := range 10 {
		odd := alloc(t, rt, runtime.AllocConfig{Size: int64(4096 * (2*i + 1))})
		b := alloc(t, rt, runtime.AllocConfig{Size: 4096, Align: 1 << 16, For: []string{"dsp0"}})
		if a, err := b.Address("dsp0"); err != nil || a.Phys%(1<<16) != 0 {
			t.Errorf("%+v, %v", a, err)
		}
		defer odd.Close()
		defer b.Close()
	}
}
