// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

type level uint8

// answering starts the function set on a simulated processor.
func answering(t *testing.T) *runtime.Session {
	t.Helper()
	board, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := runtime.New(runtime.Config{Board: board})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(rt.Close(), board.Close()); err != nil {
			t.Error(err)
		}
	})
	s, err := rt.Start(t.Context(), runtime.SessionConfig{Processor: "dsp0"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echoes wants that a value comes back as an R.
func echoes[R any](t *testing.T, s *runtime.Session, arg any, want R) {
	t.Helper()
	if got, err := runtime.Call[R](t.Context(), s, "echo", arg); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("echo of %T %v: %v, %v; want %v", arg, arg, got, err, want)
	}
}

// refuses wants an error and the zero R.
func refuses[R any](t *testing.T, s *runtime.Session, arg any) {
	t.Helper()
	var zero R
	if got, err := runtime.Call[R](t.Context(), s, "echo", arg); !errors.Is(err, runtime.ErrProtocol) || !reflect.DeepEqual(got, zero) {
		t.Errorf("echo of %T %v as %T: %v, %v; want ErrProtocol", arg, arg, got, got, err)
	}
}

func TestTypedResults(t *testing.T) {
	s := answering(t)
	echoes(t, s, true, true)
	echoes(t, s, 255, uint8(255))
	echoes(t, s, -128, int8(-128))
	echoes(t, s, uint64(math.MaxUint64), uint64(math.MaxUint64))
	echoes(t, s, int64(math.MinInt64), int64(math.MinInt64))
	echoes(t, s, 1.5, 1.5)
	echoes(t, s, 1.5, float32(1.5))
	echoes(t, s, 3, float32(3))
	echoes(t, s, "text", "text")
	echoes(t, s, []byte{1, 2}, []byte{1, 2})
	echoes(t, s, 255, level(255))
	echoes(t, s, []int{1, 255}, []level{1, 255})
	echoes(t, s, []int{-1, 2}, [2]int16{-1, 2})
	echoes(t, s, map[string]int{"a": 1}, map[string]int{"a": 1})
	echoes(t, s, 7, struct{}{})
	echoes[*int](t, s, nil, nil)

	refuses[uint8](t, s, 256)
	refuses[level](t, s, 256)
	refuses[int16](t, s, 40000)
	refuses[level](t, s, -1)
	refuses[[]level](t, s, []int{1, 256})
	refuses[[2]int](t, s, []int{1})
	refuses[float32](t, s, math.MaxFloat64)
	refuses[string](t, s, 1)
	refuses[bool](t, s, nil)
	refuses[map[string]int](t, s, "x")
	refuses[map[string]int](t, s, map[string]any{"a": 1, "b": "x"}) // half of it is stored when the other turns out wrong
}

func TestTypedMethod(t *testing.T) {
	s := answering(t)
	sum := runtime.Method[uint64](s, "sum")
	if n, err := sum(t.Context(), []byte{1, 2, 3}); n != 6 || err != nil {
		t.Errorf("sum: %d, %v", n, err)
	}
	if n, err := sum(t.Context()); n != 0 || !errors.Is(err, runtime.ErrBadArguments) {
		t.Errorf("sum of nothing: %d, %v", n, err)
	}
	if _, err := runtime.Method[int](s, "no such")(t.Context()); !errors.Is(err, runtime.ErrUnknownMethod) {
		t.Errorf("unknown method: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sum(ctx, []byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := runtime.Method[int](nil, "sum")(t.Context()); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("no session: %v", err)
	}
}

func TestNarrow(t *testing.T) {
	for _, test := range []struct {
		have, want runtime.Direction
		ok         bool
	}{
		{runtime.In, runtime.In, true}, {runtime.InOut, runtime.In, true}, {runtime.InOut, runtime.Out, true}, {0, runtime.Out, false}, {runtime.In, 0, false},
		{runtime.InOut, runtime.InOut, true}, {runtime.Out, runtime.In, false}, {runtime.In, runtime.InOut, false},
	} {
		r, err := runtime.Ref{Offset: 1, Length: 2, Dir: test.have}.Narrow(test.want)
		if test.ok != (err == nil) || test.ok && r != (runtime.Ref{Offset: 1, Length: 2, Dir: test.want}) {
			t.Errorf("%v as %v: %v, %v", test.have, test.want, r, err)
		}
		if !test.ok && !errors.Is(err, runtime.ErrBadArguments) {
			t.Errorf("%v as %v: %v", test.have, test.want, err)
		}
	}
}
