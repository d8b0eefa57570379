// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// liar is a board whose description calls every processor coherent, whatever it is.
type liar struct{ runtime.Board }

func (l liar) Processors() ([]runtime.Processor, error) {
	list, err := l.Board.Processors()
	for i, p := range list {
		list[i] = flatterer{p}
	}
	return list, err
}

type flatterer struct{ runtime.Processor }

func (f flatterer) Info() runtime.ProcessorInfo {
	i := f.Processor.Info()
	i.Coherent = true
	return i
}

func simBoard(t *testing.T) runtime.Board {
	t.Helper()
	b, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func verifier(t *testing.T, b runtime.Board, processor string) *runtime.Session {
	t.Helper()
	rt, err := runtime.New(runtime.Config{Board: b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: processor})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerifyCoherence(t *testing.T) {
	honest := simBoard(t)
	for _, test := range []struct{ processor, heap string }{{"dsp0", "ddr"}, {"dsp0", "msmc"}, {"core0", "ddr"}, {"core0", ""}} {
		s := verifier(t, honest, test.processor)
		if err := s.VerifyCoherence(t.Context(), test.heap); err != nil {
			t.Errorf("%s with %q: %v", test.processor, test.heap, err)
		}
	}
}

func TestVerifyCoherenceLiar(t *testing.T) {
	b := liar{simBoard(t)}
	if err := verifier(t, b, "core0").VerifyCoherence(t.Context(), "ddr"); err != nil {
		t.Errorf("core0 is what it claims to be: %v", err)
	}
	exposed(t, verifier(t, b, "dsp0").VerifyCoherence(t.Context(), "ddr"), "dsp0", "ddr")
}

// exposed wants all bytes wrong, in both directions.
func exposed(t *testing.T, err error, processor, heap string) {
	t.Helper()
	if !errors.Is(err, runtime.ErrIncoherent) {
		t.Fatalf("the lie was not noticed: %v", err)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Fatalf("%v, want one error for each direction", err)
	}
	for i, want := range []runtime.Direction{runtime.In, runtime.Out} {
		var e *runtime.IncoherentError
		if !errors.As(joined.Unwrap()[i], &e) || e.Direction != want || e.Processor != processor || e.Heap != heap || !e.Declared ||
			e.Wrong != e.Size || e.Size == 0 {
			t.Errorf("%+v, want all bytes from %s and %s wrong, direction %v", e, processor, heap, want)
		}
	}
	for _, words := range []string{processor, heap, "16384 of 16384", "dma-coherent"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}
}

func TestVerifyCoherenceErrors(t *testing.T) {
	mux := sim.NewMux()
	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"functions": mux}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { board.Close() })
	s := verifier(t, board, "dsp0")
	if err := s.VerifyCoherence(t.Context(), "ddr"); !errors.Is(err, runtime.ErrUnknownMethod) || errors.Is(err, runtime.ErrIncoherent) {
		t.Errorf("firmware without the methods: %v", err)
	}
	if err := s.VerifyCoherence(t.Context(), "no such heap"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown heap: %v", err)
	}
	if err := s.VerifyCoherence(t.Context(), "secure"); err == nil || errors.Is(err, runtime.ErrIncoherent) {
		t.Errorf("heap that the CPU cannot map: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.VerifyCoherence(ended, "ddr"); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}
