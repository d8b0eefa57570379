// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

func TestMain(m *testing.M) { leak.Main(m) }

// patience is far more than anything takes, also on a host with other things to do.
const patience = 30 * time.Second

// msmc is where each core has the carveout of that name: WINDOW("msmc", ...) in include/board.h.
var msmc = map[string]uint64{"dsp0": 0x0c000000, "dsp1": 0x1c000000, "r5f": 0x3c000000}

const msmcSize = 0x00800000

// core is one remote processor.
type core struct {
	*firmware.Processor
	device, name string
	msmc         uint64
}

// eachCore runs a test on every core of the board, started, and stops it afterwards.
func eachCore(t *testing.T, f func(t *testing.T, c *core)) {
	testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*")
	list, err := firmware.List("/sys")
	if err != nil {
		t.Fatal(err)
	}
	cores := 0
	for _, r := range list {
		base, ok := msmc[r.Name]
		if !ok {
			continue
		}
		cores++
		t.Run(r.Name, func(t *testing.T) {
			c := &core{Processor: r.Processor(), device: r.Device, name: r.Name, msmc: base}
			c.start(t)
			defer c.stop(t)
			f(t, c)
		})
	}
	if cores == 0 {
		testenv.Missing(t, "rproc", "no core of an emulated board")
	}
}

func (c *core) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// recovered waits until the kernel has restarted a core whose endpoints have died of a crash. Before that an endpoint must
// not be made: rpmsg_chrdev_eptdev_add has no release function to call yet when its parent goes away underneath, and warns
// (Linux 6.12).
func (c *core) recovered(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.WaitState(ctx, firmware.StateRunning); err != nil {
		t.Fatal(err)
	}
}

// stop also works for a test that has ended, whose context is gone.
func (c *core) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// trace is all the text in the core's trace buffer.
func (c *core) trace(t *testing.T) string {
	t.Helper()
	paths, err := firmware.TracePaths("/sys/kernel/debug", c.device)
	if err != nil || len(paths) == 0 {
		t.Fatalf("trace of %s: %v %v", c.device, paths, err)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// link is an endpoint to a service of a core.
type link struct {
	t   *testing.T
	c   *core
	e   *rpmsg.Endpoint
	id  uint32
	buf [rpmsg.MaxPayload]byte

	notes []string // notifications that came, by name or number
}

func (c *core) dial(t *testing.T, service string) *link {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := rpmsg.Bus{}.Dial(ctx, rpmsg.DialConfig{Processor: c.device, Service: service, Wait: patience, Own: true})
	if err != nil {
		t.Fatal(err)
	}
	l := &link{t: t, c: c, e: e}
	t.Cleanup(l.close)
	return l
}

func (l *link) close() {
	if err := l.e.Close(); err != nil {
		l.t.Error(err)
	}
}

// session is a link to the protocol's service, behind its hello.
func (c *core) session(t *testing.T, features uint64) *link {
	t.Helper()
	l := c.dial(t, wire.Service)
	l.hello(features)
	return l
}

func (l *link) hello(features uint64) wire.Values {
	l.t.Helper()
	b := l.request(wire.Method{Num: wire.MethodHello}, 6)
	for _, v := range []uint64{wire.Version, rpmsg.MaxPayload, 16, 64, features, 0} {
		b = wire.AppendUint(b, v)
	}
	m := l.roundTrip(b)
	result, err := m.Result.Array()
	if m.Code != 0 || err != nil {
		l.t.Fatalf("hello: %v %s %v", m.Code, m.Text, err)
	}
	return result
}

func (l *link) send(b []byte) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	return l.e.Send(ctx, b)
}

func (l *link) recv() ([]byte, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	n, err := l.e.Recv(ctx, l.buf[:])
	return l.buf[:n], err
}

// request is the head of the next request.
func (l *link) request(m wire.Method, params int) []byte {
	l.id++
	return wire.AppendRequest(nil, l.id, m, params, false)
}

// next is the next response.
func (l *link) next() (wire.Message, error) {
	for {
		b, err := l.recv()
		if err != nil {
			return wire.Message{}, err
		}
		m, _, err := wire.Parse(b)
		if err != nil {
			return m, err
		}
		if m.Kind == wire.Response {
			return m, nil
		}
		l.notes = append(l.notes, m.Method.String())
	}
}

func (l *link) roundTrip(b []byte) wire.Message {
	l.t.Helper()
	m, err := l.try(b)
	if err != nil {
		l.t.Fatalf("%v; trace:\n%s", err, l.c.trace(l.t))
	}
	return m
}

func (l *link) try(b []byte) (wire.Message, error) {
	if err := l.send(b); err != nil {
		return wire.Message{}, err
	}
	m, err := l.next()
	if err == nil && m.ID != l.id {
		return m, errors.New("answer to another request")
	}
	return m, err
}

// in and out are ranges for call; everything else is a number or bytes.
type in struct{ at, n uint64 }
type out struct{ at, n uint64 }

func (l *link) encode(method string, args ...any) []byte {
	b := l.request(wire.Method{Name: []byte(method)}, len(args))
	for _, a := range args {
		switch a := a.(type) {
		case in:
			b = wire.AppendRef(b, wire.Ref{Addr: a.at, Len: a.n, Flags: wire.RefRead})
		case out:
			b = wire.AppendRef(b, wire.Ref{Addr: a.at, Len: a.n, Flags: wire.RefWrite})
		case []byte:
			b = wire.AppendBin(b, a)
		case uint64:
			b = wire.AppendUint(b, a)
		case int:
			b = wire.AppendInt(b, int64(a))
		default:
			l.t.Fatalf("argument %v", a)
		}
	}
	return b
}

// call runs a method that gives a number.
func (l *link) call(method string, args ...any) uint64 {
	l.t.Helper()
	m := l.roundTrip(l.encode(method, args...))
	if m.Code != 0 {
		l.t.Fatalf("%s %v: %v, %s", method, args, m.Code, m.Text)
	}
	n, err := m.Result.Uint()
	if err != nil {
		l.t.Fatalf("%s %v: %v", method, args, err)
	}
	return n
}

// refused runs a method that must fail with code.
func (l *link) refused(code wire.Code, method string, args ...any) {
	l.t.Helper()
	if m := l.roundTrip(l.encode(method, args...)); m.Code != code {
		l.t.Errorf("%s %v: %v, %s, want %v", method, args, m.Code, m.Text, code)
	}
}

// load writes bytes to a device address, a message at a time.
func (l *link) load(at uint64, data []byte) {
	l.t.Helper()
	const part = 400
	for len(data) > 0 {
		n := min(part, len(data))
		if got := l.call("copy", out{at, uint64(n)}, data[:n]); got != uint64(n) {
			l.t.Fatalf("copy of %d bytes: %d", n, got)
		}
		at += uint64(n)
		data = data[n:]
	}
}

// waitTrace waits until the trace holds a text; the firmware may still be writing.
func (c *core) waitTrace(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		text := c.trace(t)
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("trace has no %q:\n%s", want, text)
		case <-time.After(time.Millisecond):
		}
	}
}
