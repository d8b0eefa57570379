// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

func testSession(t *testing.T, e *env) {
	s := e.start(t)
	r := s.Remote()
	if r.Version != 1 || r.MTU < 64 || r.Window < 1 || r.AddressBits < 1 || r.Name == "" {
		t.Errorf("hello: %+v", r)
	}
	for _, m := range strings.Fields("echo sum crc32c fill copy add_i16 fir_q15 gauss5x5 sobel3x3 matmul_i8 poke peek hang crash wild sleep") {
		if !strings.Contains(" "+strings.Join(r.Methods, " ")+" ", " "+m+" ") {
			t.Errorf("firmware lacks %s; it has %v", m, r.Methods)
		}
	}
	var pong string
	if err := s.Call(e.ctx(t), "ping", &pong, "hello there"); err != nil || pong != "hello there" {
		t.Errorf("ping: %q, %v", pong, err)
	}
	var clock, later uint64
	if err := s.Call(e.ctx(t), "clock", &clock); err != nil {
		t.Error(err)
	}
	if err := s.Call(e.ctx(t), "clock", &later); err != nil || later < clock {
		t.Errorf("clock went from %d to %d: %v", clock, later, err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := s.Call(e.ctx(t), "ping", nil, 1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("call on a closed session: %v", err)
	}
}

func testSessionErrors(t *testing.T, e *env) {
	ctx := e.ctx(t)
	bad := func(name string, want error, change func(*runtime.SessionConfig)) {
		t.Helper()
		c := e.config()
		change(&c)
		s, err := e.rt.Start(ctx, c)
		if s != nil || err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, %v, want %v", name, s, err, want)
		}
	}
	bad("no processor", fs.ErrNotExist, func(c *runtime.SessionConfig) { c.Processor = "" })
	bad("unknown processor", fs.ErrNotExist, func(c *runtime.SessionConfig) { c.Processor = "dsp99" })
	bad("window", os.ErrInvalid, func(c *runtime.SessionConfig) { c.Window = -1 })
	bad("firmware not installed", fs.ErrNotExist, func(c *runtime.SessionConfig) { c.Image, c.Firmware = nil, "no-such-firmware.elf" })
	bad("firmware name with a path", nil, func(c *runtime.SessionConfig) { c.Image, c.Firmware = nil, "../../etc/passwd" })
	bad("firmware of garbage", nil, func(c *runtime.SessionConfig) { c.Image, c.Firmware = []byte("no ELF file at all"), "garbage.elf" })
	bad("empty firmware", nil, func(c *runtime.SessionConfig) { c.Image, c.Firmware = []byte{}, "empty.elf" })

	short, cancel := context.WithTimeout(ctx, 300e6)
	defer cancel()
	c := e.config()
	c.Service = "no-such-service"
	if s, err := e.rt.Start(short, c); s != nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown service: %v, %v", s, err)
	}

	// After all that the processor works, and is not started a second time.
	s := e.start(t)
	bad("runs already", firmware.ErrRunning, func(*runtime.SessionConfig) {})
	if err := s.Call(ctx, "ping", nil, 1); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

func testStopStart(t *testing.T, e *env) {
	b := e.buffer(t, "data", pattern(4096))
	var first uint64
	for i := range 10 {
		s := e.start(t)
		var sum uint64
		if err := s.Call(e.ctx(t), "sum", &sum, b.In()); err != nil {
			t.Fatalf("run %d: %v", i, err)
		}
		if first == 0 {
			first = sum
		}
		if sum != first {
			t.Fatalf("run %d: sum %d, was %d", i, sum, first)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func testTrace(t *testing.T, e *env) {
	s := e.start(t)
	text, err := s.Trace()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("the demonstration firmware has a trace buffer: %v", err)
	}
	if err != nil || strings.TrimSpace(text) == "" {
		t.Errorf("trace %q, %v", text, err)
	}
}
