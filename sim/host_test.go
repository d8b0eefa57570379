// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// host is a client of the protocol, as small as tests need it.
type host struct {
	t    testing.TB
	b    *Board
	p    *Processor
	conn rpmsg.Conn
	id   uint32
	buf  [mtu]byte
}

func newBoard(t testing.TB, c Config) *Board {
	t.Helper()
	b, err := New(c)
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

func processor(t testing.TB, b *Board, name string) *Processor {
	t.Helper()
	p, err := b.Processor(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dial starts the processor and says hello.
func dial(t testing.TB, b *Board, name string) *host {
	t.Helper()
	h := &host{t: t, b: b, p: processor(t, b, name)}
	if err := h.p.Remoteproc().Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.redial()
	return h
}

func (h *host) redial() {
	h.t.Helper()
	if h.conn != nil {
		h.conn.Close()
	}
	c, err := h.p.Dial(context.Background(), wire.Service)
	if err != nil {
		h.t.Fatal(err)
	}
	h.conn = c
	h.t.Cleanup(func() { c.Close() })
	if m := h.call("hello", wire.Version, mtu, 64, 64, 31, 0); m.Code != 0 {
		h.t.Fatalf("hello: %v %s", m.Code, m.Text)
	}
}

// request encodes a call by name. Arguments: int, uint64, string, []byte, wire.Ref, time.Duration (the timeout).
func (h *host) request(method string, args ...any) []byte {
	h.id++
	var timeout time.Duration
	if n := len(args); n > 0 {
		if d, ok := args[n-1].(time.Duration); ok {
			timeout, args = d, args[:n-1]
		}
	}
	b := wire.AppendRequest(nil, h.id, wire.Method{Name: []byte(method)}, len(args), timeout > 0)
	for _, a := range args {
		switch a := a.(type) {
		case int:
			b = wire.AppendInt(b, int64(a))
		case uint64:
			b = wire.AppendUint(b, a)
		case string:
			b = wire.AppendStr(b, a)
		case []byte:
			b = wire.AppendBin(b, a)
		case wire.Ref:
			b = wire.AppendRef(b, a)
		default:
			h.t.Fatalf("argument of type %T", a)
		}
	}
	if timeout > 0 {
		b = wire.AppendUint(b, uint64(timeout.Microseconds()))
	}
	return b
}

func (h *host) send(msg []byte) {
	h.t.Helper()
	if err := h.conn.Send(context.Background(), msg); err != nil {
		h.t.Fatal(err)
	}
}

// recv waits for a message and fails the test after a second.
func (h *host) recv() wire.Message {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := h.conn.Recv(ctx, h.buf[:])
	if err != nil {
		h.t.Fatal(err)
	}
	m, rest, err := wire.Parse(bytes.Clone(h.buf[:n]))
	if err != nil || len(rest) > 0 {
		h.t.Fatalf("answer %x: %v", h.buf[:n], err)
	}
	return m
}

func (h *host) call(method string, args ...any) wire.Message {
	h.t.Helper()
	h.send(h.request(method, args...))
	m := h.recv()
	if m.Kind != wire.Response || m.ID != h.id {
		h.t.Fatalf("answer of kind %v to %d, want %d", m.Kind, m.ID, h.id)
	}
	return m
}

// uint is a call whose result is an integer.
func (h *host) uint(method string, args ...any) uint64 {
	h.t.Helper()
	m := h.call(method, args...)
	if m.Code != 0 {
		h.t.Fatalf("%s: %v: %s", method, m.Code, m.Text)
	}
	v, err := m.Result.Uint()
	if err != nil {
		h.t.Fatalf("%s: %v", method, err)
	}
	return v
}

// fails is a call that must be refused with a code.
func (h *host) fails(want wire.Code, method string, args ...any) {
	h.t.Helper()
	if m := h.call(method, args...); m.Code != want {
		h.t.Errorf("%s%v: %v %q, want %v", method, args, m.Code, m.Text, want)
	}
}

func (h *host) alloc(heap string, size int64) *dmabuf.Buffer {
	h.t.Helper()
	d, err := h.b.Alloc(context.Background(), heap, size, fmt.Sprintf("test-%s-%d", heap, size))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { d.Close() })
	return d
}

// attach returns the buffer as an argument, and its attachment.
func (h *host) attach(d *dmabuf.Buffer, flags uint8) (wire.Ref, *attachment) {
	h.t.Helper()
	r, err := h.p.Translators().Translate(d)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { r.Attachment.Close() })
	return h.ref(r.Phys, uint64(d.Size()), flags), r.Attachment.(*attachment)
}

func (h *host) ref(p bufmap.PhysAddr, n uint64, flags uint8) wire.Ref {
	h.t.Helper()
	a, err := h.p.Info().Windows.Device(p, n)
	if err != nil {
		h.t.Fatal(err)
	}
	return wire.Ref{Addr: uint64(a), Len: n, Flags: flags}
}

// write fills a buffer inside a right bracket.
func write(t testing.TB, d *dmabuf.Buffer, f func(i int) byte) {
	t.Helper()
	if err := d.View(dmabuf.Write, func(p []byte) error {
		for i := range p {
			p[i] = f(i)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
