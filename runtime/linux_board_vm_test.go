// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/runtime"
)

// patience is how long a step may take on the slowest and busiest machine before it counts as a hang.
const patience = 60 * time.Second

// board is a runtime on the emulated board, and one of its processors. Tests whose names begin with TestLinux fit every
// machine of test/qemu; the others are named after what they need, and the Makefile selects them.
type board struct {
	runtime.Board
	rt        *runtime.Runtime
	processor string
	life      *firmware.Processor
	info      firmware.Remoteproc
}

// needMachine needs one of the emulated machines; without names, any of them.
func needMachine(t testing.TB, names ...string) {
	t.Helper()
	machine := os.Getenv("OFFLOAD_MACHINE")
	if machine == "" {
		testenv.Missing(t, "board", "go run ./test/qemu/cmd/board test -m MACHINE runs this test")
	}
	for _, n := range names {
		if machine == n {
			return
		}
	}
	if len(names) > 0 {
		t.Fatalf("this test is for %s, not for %s", strings.Join(names, " and "), machine)
	}
}

// openBoard opens the board and its first processor, or the one of that name.
func openBoard(t testing.TB, name string) *board {
	t.Helper()
	needMachine(t)
	b, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return newBoard(t, b, name)
}

func newBoard(t testing.TB, b runtime.Board, name string) *board {
	t.Helper()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing the board: %v", err)
		}
	})
	if name == "" {
		list, err := b.Processors()
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		name = list[0].Info().Name
	}
	rt, err := runtime.New(runtime.Config{Board: b, DDR: "linux,cma", MSMC: "msmc"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("closing the runtime: %v", err)
		}
	})
	info, err := firmware.Find("/sys", name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &board{Board: b, rt: rt, processor: name, life: info.Processor(), info: info}
}

func (b *board) config() runtime.SessionConfig {
	return runtime.SessionConfig{Processor: b.processor, Firmware: "offload-" + b.processor + ".elf", RecoveryTime: patience,
		Watch: 20 * time.Millisecond}
}

func (b *board) start(t testing.TB) *runtime.Session {
	t.Helper()
	s, err := b.rt.Start(deadline(t), b.config())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *board) alloc(t testing.TB, heap string, size int64) *runtime.Buffer {
	t.Helper()
	buf, err := b.rt.Alloc(deadline(t), runtime.AllocConfig{Heap: heap, Size: size, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return buf
}

// crash takes the kernel's way through a crash, while the core is well.
func (b *board) crash(t testing.TB) {
	t.Helper()
	if err := (sysfs.Dir{Root: filepath.Join("/sys/kernel/debug/remoteproc", b.info.Device)}).WriteAttr("crash", "2"); err != nil {
		t.Fatal(err)
	}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// use is what the kernel has of DMA-BUFs and attachments, of all processes.
type use struct{ buffers, attachments int }

// kernelUse counts buffers in sysfs, and in debugfs the attachments. In bufinfo a line with the device follows
// "Attached Devices:" for each attachment (drivers/dma-buf/dma-buf.c, dma_buf_debug_show).
func kernelUse(t testing.TB) (u use) {
	t.Helper()
	entries, err := os.ReadDir("/sys/kernel/dmabuf/buffers")
	if err != nil {
		t.Fatal(err)
	}
	u.buffers = len(entries)
	text, err := os.ReadFile("/sys/kernel/debug/dma_buf/bufinfo")
	if err != nil {
		t.Fatal(err)
	}
	counting := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Attached Devices"):
			counting = true
		case strings.HasPrefix(line, "Total ") || line == "":
			counting = false
		case counting:
			u.attachments++
		}
	}
	return u
}

// settled gives back what rests for reuse, and waits until the kernel has as much as before: the last reference to a file is
// dropped a little after the close that gave it up (fput).
func (b *board) settled(t testing.TB, before use) {
	t.Helper()
	if _, err := b.rt.Trim(); err != nil {
		t.Error(err)
	}
	ctx := deadline(t)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		now := kernelUse(t)
		if now == before {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			t.Fatalf("the kernel had %+v before and has %+v now", before, now)
		}
	}
}

func want(t testing.TB, what string, err error, all ...error) {
	t.Helper()
	for _, w := range all {
		if !errors.Is(err, w) {
			t.Errorf("%s: %v, want %v", what, err, w)
		}
	}
}

// sum calls sum and compares.
func sum(t testing.TB, s *runtime.Session, r runtime.Ref, expected uint64) {
	t.Helper()
	var got uint64
	if err := s.Call(deadline(t), "sum", &got, r); err != nil || got != expected {
		t.Errorf("sum: %d, %v, want %d", got, err, expected)
	}
}
