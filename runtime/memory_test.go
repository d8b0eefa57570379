// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"testing"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func onSim(t testing.TB, board sim.Config, c runtime.Config) *runtime.Runtime {
	t.Helper()
	b, err := sim.New(board)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Board = b
	if c.Reuse.ProcFS == "" {
		c.Reuse.ProcFS = t.TempDir() // the pressure of this machine is not to matter
	}
	rt, err := runtime.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

func alloc(t testing.TB, rt *runtime.Runtime, c runtime.AllocConfig) *runtime.Buffer {
	t.Helper()
	b, err := rt.Alloc(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *runtime.Buffer, v byte) {
	t.Helper()
	if _, err := b.WriteAt(bytes.Repeat([]byte{v}, int(b.Size())), 0); err != nil {
		t.Fatal(err)
	}
}

func first(t testing.TB, b *runtime.Buffer) byte {
	t.Helper()
	p := make([]byte, b.Size())
	if _, err := b.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(p, p[:1]) != len(p) {
		t.Errorf("%v holds different bytes", b)
	}
	return p[0]
}
