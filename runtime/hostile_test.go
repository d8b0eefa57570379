// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
	"github.com/offload-runtime/offload/runtime"
)

// hostile is a board with one processor that always runs, and whose firmware is a function of the test: it gets every
// payload and sends whatever it likes.
type hostile struct {
	t      *testing.T
	remote func(payload []byte, send func([]byte))
}

func (h *hostile) Name() string                             { return "hostile" }
func (h *hostile) Heaps() ([]runtime.HeapInfo, error)       { return nil, nil }
func (h *hostile) Processors() ([]runtime.Processor, error) { return []runtime.Processor{h}, nil }
func (h *hostile) Close() error                             { return nil }
func (h *hostile) Remoteproc() *firmware.Processor          { return firmware.NewProcessor("dsp0", running{}) }
func (h *hostile) Install(string, []byte) (string, error)   { return "", fs.ErrPermission }
func (h *hostile) Translators() bufmap.Chain                { return nil }
func (h *hostile) Trace() (string, error)                   { return "", errors.ErrUnsupported }
func (h *hostile) Alloc(context.Context, string, int64, string) (*dmabuf.Buffer, error) {
	return nil, fs.ErrNotExist
}

func (h *hostile) Info() runtime.ProcessorInfo {
	w, err := bufmap.Identity(32)
	if err != nil {
		h.t.Fatal(err)
	}
	return runtime.ProcessorInfo{Name: "dsp0", CacheLine: 64, Windows: w}
}

func (h *hostile) Dial(context.Context, string) (rpmsg.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	near, err := rpmsg.NewEndpoint(fds[0], "near")
	if err != nil {
		return nil, err
	}
	far, err := rpmsg.NewEndpoint(fds[1], "far")
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := far.Recv(context.Background(), buf)
			if err != nil {
				return
			}
			h.remote(buf[:n], func(p []byte) { _ = far.Send(context.Background(), p) })
		}
	})
	h.t.Cleanup(func() {
		_ = far.Close()
		wg.Wait()
	})
	return near, nil
}

// running is a remoteproc that runs and takes no orders.
type running struct{}

func (running) ReadAttr(name string) (string, error) {
	if name == "state" {
		return "running", nil
	}
	return "", fs.ErrNotExist
}

func (running) WriteAttr(string, string) error { return syscall.EPERM }

// goodHello is an honest answer to hello, with the method echo.
func goodHello(id uint32) []byte {
	b := wire.AppendArray(wire.AppendResponse(nil, id), 9)
	for _, v := range []uint64{1, 496, 4, 64, 32, 0, 5, 1} {
		b = wire.AppendUint(b, v)
	}
	return wire.AppendStr(b, "hostile")
}

func goodMethods(id uint32) []byte {
	b := wire.AppendUint(wire.AppendArray(wire.AppendResponse(nil, id), 2), 1)
	return wire.AppendStr(wire.AppendArray(b, 1), "echo")
}

func start(t *testing.T, remote func(m wire.Message, send func([]byte))) (*runtime.Runtime, *runtime.Session, error) {
	t.Helper()
	h := &hostile{t: t, remote: func(p []byte, send func([]byte)) {
		m, _, err := wire.Parse(bytes.Clone(p))
		if err != nil {
			t.Errorf("the host sent %x: %v", p, err)
			return
		}
		remote(m, send)
	}}
	rt, err := runtime.New(runtime.Config{Board: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := rt.Start(ctx, runtime.SessionConfig{Processor: "dsp0", RecoveryTime: -1})
	return rt, s, err
}

func TestHostileHello(t *testing.T) {
	hello := func(fields ...any) func(id uint32) []byte {
		return func(id uint32) []byte {
			b := wire.AppendArray(wire.AppendResponse(nil, id), len(fields))
			for _, f := range fields {
				switch f := f.(type) {
				case int:
					b = wire.AppendInt(b, int64(f))
				case uint64:
					b = wire.AppendUint(b, f)
				case string:
					b = wire.AppendStr(b, f)
				case nil:
					b = wire.AppendNil(b)
				}
			}
			return b
		}
	}
	for name, answer := range map[string]func(id uint32) []byte{
		"nil":                    func(id uint32) []byte { return wire.AppendNil(wire.AppendResponse(nil, id)) },
		"empty array":            hello(),
		"version 2":              hello(2, 496, 4, 64, 32, 0, 0, 0, "x"),
		"version of a string":    hello("1", 496, 4, 64, 32, 0, 0, 0, "x"),
		"MTU 0":                  hello(1, 0, 4, 64, 32, 0, 0, 0, "x"),
		"MTU of 2^64-1":          hello(1, uint64(1<<64-1), 4, 64, 32, 0, 0, 0, "x"),
		"window 0":               hello(1, 496, 0, 64, 32, 0, 0, 0, "x"),
		"window -1":              hello(1, 496, -1, 64, 32, 0, 0, 0, "x"),
		"address bits 0":         hello(1, 496, 4, 64, 0, 0, 0, 0, "x"),
		"address bits 65":        hello(1, 496, 4, 64, 65, 0, 0, 0, "x"),
		"too many methods":       hello(1, 496, 4, 64, 32, 0, 0, 1<<30, "x"),
		"name of 33 bytes":       hello(1, 496, 4, 64, 32, 0, 0, 0, string(make([]byte, 33))),
		"name of nil":            hello(1, 496, 4, 64, 32, 0, 0, 0, nil),
		"cut off":                hello(1, 496, 4, 64),
		"methods never listed":   hello(1, 496, 4, 64, 32, 0, 0, 5, "x"),
		"error":                  func(id uint32) []byte { return wire.AppendError(nil, id, wire.CodeVersion, "no") },
		"garbage with that id":   func(id uint32) []byte { return append(wire.AppendResponse(nil, id), 0xc1) },
		"response without error": func(id uint32) []byte { return []byte{0x93, 1, byte(id), 0xc0} },
	} {
		t.Run(name, func(t *testing.T) {
			_, s, err := start(t, func(m wire.Message, send func([]byte)) {
				if m.Method.Num == wire.MethodMethods {
					send(wire.AppendArray(wire.AppendUint(wire.AppendArray(wire.AppendResponse(nil, m.ID), 2), 5), 0))
					return
				}
				send(answer(m.ID))
			})
			if s != nil || !errors.Is(err, runtime.ErrProtocol) && !errors.Is(err, runtime.ErrRemote) {
				t.Errorf("session %v, error %v", s, err)
			}
		})
	}
}

// TestHostileAnswers sends every kind of nonsense between good answers. Each call must get its own answer all the same.
func TestHostileAnswers(t *testing.T) {
	nested := bytes.Repeat([]byte{0x91}, 400)
	nonsense := [][]byte{
		{}, {0xc1}, {0x94}, {0x94, 1}, {0x94, 1, 0xff, 0xc0, 0xc0}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0x94, 0, 1, 0, 0x90},
		{0x94, 1, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xc0, 0xc0}, nested, append([]byte{0x94, 1, 0xcd, 0x7f, 0xff, 0xc0}, nested...),
		{0x93, 2, 0xa1, 'n', 0xc6, 0xff, 0xff, 0xff, 0xff}, {0x93, 2, 6, 0x90}, {0x93, 2, 6, 0x92, 0xa0, 5}, {0x93, 2, 7, 0x90}, {0x93, 2, 99, 0x90},
		wire.AppendError(nil, 12345678, 3, "foreign id"), bytes.Repeat([]byte{0xc0}, 496),
	}
	rt, s, err := start(t, func(m wire.Message, send func([]byte)) {
		switch {
		case m.Kind != wire.Request:
		case m.Method.Num == wire.MethodHello:
			send(goodHello(m.ID))
		case m.Method.Num == wire.MethodMethods:
			send(goodMethods(m.ID))
		default:
			for _, p := range nonsense {
				send(p)
			}
			raw, err := m.Params.Raw()
			if err != nil {
				t.Error(err)
			}
			answer := append(wire.AppendResponse(nil, m.ID), raw...)
			send(answer)
			send(answer) // a duplicate
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 50 {
		var n int
		if err := s.Call(ctx, "echo", &n, i); err != nil || n != i {
			t.Fatalf("call %d: %d, %v", i, n, err)
		}
	}
	st := rt.Stats()
	if st.Malformed == 0 || st.Unmatched < 49 {
		t.Errorf("not counted: %+v", st)
	}
}

// TestSilentRemote: a remote that never answers ends in the caller's own time, whatever the caller asks for.
func TestSilentRemote(t *testing.T) {
	_, s, err := start(t, func(m wire.Message, send func([]byte)) {
		switch m.Method.Num {
		case wire.MethodHello:
			send(goodHello(m.ID))
		case wire.MethodMethods:
			send(goodMethods(m.ID))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 { // more than the window of 4: the rest wait for room, and that ends too
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		wg.Go(func() {
			if err := s.Call(ctx, "echo", nil, i); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// TestNotifications: bounded, in order, counted when dropped, and harmless on a terminal.
func TestNotifications(t *testing.T) {
	_, s, err := start(t, func(m wire.Message, send func([]byte)) {
		switch m.Method.Num {
		case wire.MethodHello:
			send(goodHello(m.ID))
		case wire.MethodMethods:
			send(goodMethods(m.ID))
		default:
			for i := range 100 {
				b := wire.AppendNotification(nil, wire.Method{Name: []byte("tick\x1b[2J")}, 2)
				send(wire.AppendStr(wire.AppendInt(b, int64(i)), "text"))
			}
			send(wire.AppendNil(wire.AppendResponse(nil, m.ID)))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Call(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
	if s.Dropped() != 100-64 {
		t.Errorf("%d dropped, want %d", s.Dropped(), 100-64)
	}
	for i := range 64 {
		n := <-s.Notifications()
		var k int
		var text string
		if err := n.Decode(&k, &text); err != nil || k != i || text != "text" || n.Method != "tick.[2J" {
			t.Fatalf("notification %d: %q %d %q, %v", i, n.Method, k, text, err)
		}
		if err := n.Decode(&k, &text, &text); !errors.Is(err, runtime.ErrBadArguments) {
			t.Errorf("three of two parameters: %v", err)
		}
		if err := n.Decode(&text); err == nil {
			t.Error("a number was decoded as text")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n, open := <-s.Notifications(); open {
		t.Errorf("after Close: %v", fmt.Sprint(n))
	}
}
