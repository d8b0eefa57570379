// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// TestRestartKeepsBytes: what the CPU wrote, before a restart or while it happens, reaches the processor afterwards, although
// the attachments of the old run end in between.
func TestRestartKeepsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, rt := simulated(t, sim.Config{})
		s := session(t, board, rt, runtime.SessionConfig{})
		alloc := func(name string) *runtime.Buffer {
			b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 4096, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		sum := func(b runtime.Ref) (n uint64) {
			t.Helper()
			if err := s.Call(t.Context(), "sum", &n, b); err != nil {
				t.Fatal(err)
			}
			return n
		}
		restart := func() {
			t.Helper()
			if err := board.Crash("dsp0", "for the test"); err != nil {
				t.Fatal(err)
			}
			<-time.After(100 * time.Millisecond)
		}
		before, during, rest := alloc("before"), alloc("during"), alloc("rest")
		m, err := rt.MallocDDR(4096)
		if err != nil {
			t.Fatal(err)
		}
		malloc, err := rt.RefOf(m, runtime.In)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []runtime.Ref{before.In(), during.In(), malloc} {
			sum(r)
		}
		if err := s.Call(t.Context(), "fill", nil, rest.Out(), 9); err != nil {
			t.Fatal(err)
		}

		ones := bytes.Repeat([]byte{1}, 4096)
		if _, err := before.WriteAt(ones, 0); err != nil {
			t.Fatal(err)
		}
		copy(m, ones)
		if err := during.Begin(dmabuf.ReadWrite); err != nil {
			t.Fatal(err)
		}
		p, err := during.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		copy(p[:2048], ones)
		// The memory of rest is zeroed by the CPU while it rests, or when it has its next owner.
		if err := rest.Close(); err != nil {
			t.Fatal(err)
		}
		next := alloc("next")
		restart()
		copy(p[2048:], ones)
		if err := during.End(dmabuf.ReadWrite); err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]runtime.Ref{"before": before.In(), "during": during.In(), "malloc": malloc} {
			if n := sum(r); n != 4096 {
				t.Errorf("%s: the processor finds %d of the CPU's 4096 bytes", name, n)
			}
		}
		if n := sum(next.In()); n != 0 {
			t.Errorf("the processor finds bytes of an earlier owner: %d", n)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		<-time.After(100 * time.Millisecond)
		restart()
		last := alloc("last")
		got := make([]byte, 4096)
		if _, err := last.ReadAt(got, 0); err != nil || !bytes.Equal(got, make([]byte, 4096)) {
			t.Errorf("new memory after a restart is not zero: %v", err)
		}
		if err := rt.Free(m); err != nil {
			t.Error(err)
		}
	})
}

// TestMuteProcessor: a processor that comes back from a crash and hangs before its first answer is restarted as well.
func TestMuteProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, rt := simulated(t, sim.Config{})
		s := session(t, board, rt, runtime.SessionConfig{Recovery: runtime.RecoverRestart, RecoveryTime: 20 * time.Second})
		for _, f := range []sim.Fault{{Kind: sim.Hang, Method: "hello"}, {Kind: sim.Hang, Method: "methods"}} {
			if err := board.Inject("dsp0", f); err != nil {
				t.Fatal(err)
			}
		}
		if err := board.Crash("dsp0", "for the test"); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := s.Call(t.Context(), "ping", nil, 1); err != nil && i > 0 {
				t.Error(err)
			}
		}
	})
}
