// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/wire"
)

// TestHello compares the answer with what Info and the Mux say.
func TestHello(t *testing.T) {
	for _, name := range []string{"dsp0", "core0"} {
		h := dial(t, newBoard(t, Config{}), name)
		m := h.call("hello", 1, mtu, 64, 64, 31, 12345, "ignored", 7)
		v, err := m.Result.Array()
		if err != nil || m.Code != 0 {
			t.Fatalf("%v %s", m.Code, m.Text)
		}
		info := h.p.Info()
		for i, want := range []uint64{1, 496, 64, uint64(info.CacheLine), uint64(info.Windows.AddressBits()), 23} {
			if got, err := v.Uint(); err != nil || got != want {
				t.Errorf("%s: element %d is %d, %v, want %d", name, i, got, err, want)
			}
		}
		v.Skip()
		total, _ := v.Uint()
		if s, err := v.Str(); err != nil || string(s) != "functions" || v.Len() != 0 {
			t.Errorf("name %q, %v, %d more", s, err, v.Len())
		}
		// The names come in as many parts as needed, and numbers work as names do.
		var names []string
		for uint64(len(names)) < total {
			m := h.call("methods", len(names))
			v, _ := m.Result.Array()
			if n, err := v.Uint(); err != nil || n != total {
				t.Fatal(n, err)
			}
			part, err := v.Array()
			if err != nil || part.Len() == 0 {
				t.Fatal(err)
			}
			for part.Len() > 0 {
				s, _ := part.Str()
				names = append(names, string(s))
			}
		}
		if strings.Join(names, " ") != strings.Join(Functions().Methods(), " ") {
			t.Error(names)
		}
		for i, n := range names {
			if n == "sum" {
				h.send(wire.AppendBin(wire.AppendRequest(nil, 7, wire.Method{Num: uint32(16 + i)}, 1, false), []byte{1, 2, 3}))
				if m := h.recv(); m.Code != 0 || m.ID != 7 {
					t.Errorf("by number: %v %s", m.Code, m.Text)
				}
			}
		}
		h.fails(CodeBadArguments, "methods", total+1)
		h.fails(CodeVersion, "hello", 0, mtu, 1, 1, 0, 0)
		h.fails(CodeBadArguments, "hello", 1, 10, 1, 1, 0, 0)
		h.fails(CodeBadArguments, "hello", 1)
	}
}

func TestHelloFirst(t *testing.T) {
	b := newBoard(t, Config{})
	h := dial(t, b, "dsp0")
	c, err := h.p.Dial(t.Context(), wire.Service)
	if err != nil {
		t.Fatal(err)
	}
	h.conn.Close()
	h.conn = c
	t.Cleanup(func() { c.Close() })
	h.fails(CodeBadArguments, "echo", 1)
}

func TestProtocolMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		if m := h.call("ping", "hallo"); m.Code != 0 {
			t.Error(m.Code)
		} else if s, err := m.Result.Str(); err != nil || string(s) != "hallo" {
			t.Error(s, err)
		}
		h.fails(CodeTooLarge, "ping", make([]byte, 70))
		h.fails(CodeBadArguments, "ping")
		h.fails(CodeBadArguments, "ping", 1, 2)
		time.Sleep(3 * time.Second)
		if us := h.uint("clock"); us != 3_000_000 {
			t.Errorf("clock %d", us)
		}
		h.fails(CodeUnknownMethod, "nothing")
		h.send(wire.AppendRequest(nil, 5, wire.Method{Num: 9}, 0, false))
		if m := h.recv(); m.Code != CodeUnknownMethod {
			t.Error(m.Code)
		}
		h.send(wire.AppendRequest(nil, 5, wire.Method{Num: 4000}, 0, false))
		if m := h.recv(); m.Code != CodeUnknownMethod {
			t.Error(m.Code)
		}
		m := h.call("stats")
		v, err := m.Result.Array()
		if err != nil || v.Len() != 5 {
			t.Fatal(err)
		}
		calls, _ := v.Uint()
		errs, _ := v.Uint()
		if calls != 10 || errs != 6 {
			t.Errorf("%d calls, %d errors", calls, errs)
		}
	})
}

func TestFunctionSet(t *testing.T) {
	for _, name := range []string{"dsp0", "core0"} {
		t.Run(name, func(t *testing.T) {
			h := dial(t, newBoard(t, Config{}), name)
			in, out := h.alloc("ddr", 4096), h.alloc("msmc", 4096)
			ri, _ := h.attach(in, wire.RefRead)
			ro, _ := h.attach(out, wire.RefWrite)
			write(t, in, func(i int) byte { return byte(i * 7) })
			var want []byte
			in.View(dmabuf.Read, func(p []byte) error { want = bytes.Clone(p); return nil })
			got := func() (p []byte) {
				out.View(dmabuf.Read, func(q []byte) error { p = bytes.Clone(q); return nil })
				return p
			}
			if v := h.uint("crc32c", ri); v != uint64(crc32.Checksum(want, crc32.MakeTable(crc32.Castagnoli))) {
				t.Errorf("crc32c %#x", v)
			}
			if v := h.uint("crc32c", []byte("123456789")); v != 0xe3069283 {
				t.Errorf("inline crc32c %#x", v)
			}
			if n := h.uint("copy", ro, ri); n != 4096 || !bytes.Equal(got(), want) {
				t.Errorf("copy: %d", n)
			}
			if n := h.uint("copy", ro, []byte("abc")); n != 3 || string(got()[:4]) != "abc"+string(want[3]) {
				t.Errorf("inline copy: %d %q", n, got()[:4])
			}
			if n := h.uint("fill", ro, 255); n != 4096 || got()[4095] != 255 {
				t.Errorf("fill: %d", n)
			}
			if n := h.uint("add_i16", ro, ri, ri); n != 2048 {
				t.Errorf("add: %d", n)
			}
			if n := h.uint("fir_q15", ro, ri, []byte{0, 64}); n != 2048 {
				t.Errorf("fir: %d", n)
			}
			for _, f := range []string{"gauss5x5", "sobel3x3"} {
				if n := h.uint(f, ro, ri, 60, 60, 64); n != 3600 {
					t.Errorf("%s: %d", f, n)
				}
			}
			if n := h.uint("matmul_i8", ro, ri, ri, 8, 8, 8); n != 64 {
				t.Errorf("matmul: %d", n)
			}
			if n := h.uint("poke", ro.Addr+4, uint64(0xdeadbeef), 3); n != 3 || !bytes.Equal(got()[4:16], bytes.Repeat([]byte{0xef, 0xbe, 0xad, 0xde}, 3)) {
				t.Errorf("poke: %d %x", n, got()[:16])
			}
			if v := h.uint("peek", ro.Addr+12); v != 0xdeadbeef {
				t.Errorf("peek: %#x", v)
			}
			if v := h.uint("wild", ro.Addr+8); v != 0xdeadbeef {
				t.Errorf("wild: %#x", v)
			}
			h.fails(CodeBadBuffer, "fill", ri, 1)
			h.fails(CodeBadBuffer, "sum", ro)
			h.fails(CodeBadArguments, "fill", ro, 256)
			h.fails(CodeBadArguments, "fill", ro, -1)
			h.fails(CodeBadArguments, "fill", ro)
			h.fails(CodeBadArguments, "fill", ro, 1, 2)
			h.fails(CodeBadArguments, "fill", []byte{1}, 1)
			h.fails(CodeBadArguments, "sum", "text")
			h.fails(CodeBadArguments, "sum", 1)
			h.fails(CodeBadBuffer, "sobel3x3", ro, ri, 64, 65, 64)
			h.fails(CodeBadArguments, "sobel3x3", ro, ri, 64, 64, 63)
			h.fails(CodeBadArguments, "poke", ro.Addr+1, 0, 1)
			h.fails(CodeBadArguments, "poke", ro.Addr, uint64(1)<<32, 1)
			h.fails(CodeBadBuffer, "poke", ro.Addr, 0, ^uint64(0))
			h.fails(CodeBadArguments, "peek", ro.Addr+2)
			h.fails(CodeBadArguments, "crash", 2)
			nowhere := uint64(0x10)
			h.fails(CodeBadBuffer, "peek", nowhere)
			h.fails(CodeBadBuffer, "sum", wire.Ref{Addr: nowhere, Len: 1, Flags: 1})
			h.fails(CodeBadBuffer, "sum", wire.Ref{Addr: 1 << 45, Len: 1, Flags: 1})
			if v := h.uint("sum", wire.Ref{Addr: nowhere, Len: 0, Flags: 1}); v != 0 {
				t.Error(v)
			}
			// An echo that does not fit any more with the head of its answer.
			if m := h.call("echo", make([]byte, 480)); m.Code != 0 {
				t.Error(m.Code)
			}
			h.send(h.request("wild", nowhere))
			if _, err := h.conn.Recv(t.Context(), h.buf[:]); err == nil || !strings.Contains(err.Error(), "data abort") {
				t.Errorf("wild read of nothing: %v", err)
			}
		})
	}
}

// TestEdges: a range must lie in one window, and for a coherent core in one buffer.
func TestEdges(t *testing.T) {
	b := newBoard(t, Config{})
	h := dial(t, b, "dsp0")
	end := uint64(0xC000_0000 + ddrSize)
	if v := h.uint("sum", wire.Ref{Addr: end - 1, Len: 1, Flags: 1}); v != 0 {
		t.Error(v)
	}
	h.fails(CodeBadBuffer, "sum", wire.Ref{Addr: end - 1, Len: 2, Flags: 1}) // secure follows at once on the device side
	h.fails(CodeBadBuffer, "sum", wire.Ref{Addr: 1<<32 - 1, Len: 1, Flags: 1})
	// A window that shows a part of the memory behind it.
	half := DefaultProcessors()[0]
	half.Windows[0].Size = ddrSize / 2
	hh := dial(t, newBoard(t, Config{Processors: []ProcessorConfig{half}}), "dsp0")
	edge := uint64(0xC000_0000 + ddrSize/2)
	if v := hh.uint("sum", wire.Ref{Addr: edge - 4, Len: 4, Flags: 1}); v != 0 {
		t.Error(v)
	}
	hh.fails(CodeBadBuffer, "sum", wire.Ref{Addr: edge - 4, Len: 5, Flags: 1})
	c := dial(t, b, "core0")
	d := c.alloc("ddr", 4096)
	r, _ := c.attach(d, 3)
	c.fails(CodeBadBuffer, "sum", wire.Ref{Addr: r.Addr + 4095, Len: 2, Flags: 1})
	if v := c.uint("sum", wire.Ref{Addr: r.Addr + 4096, Len: 2, Flags: 1}); v != 0 {
		t.Error(v)
	}
}

func TestSleepCancelDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		began := time.Now()
		slow := h.request("sleep", 5000)
		slowID := h.id
		h.send(slow)
		if h.uint("sum", []byte{1}) != 1 || time.Since(began) != 0 {
			t.Error("sleep holds the core")
		}
		h.send(slow) // the id is open: dropped
		h.send(wire.AppendUint(wire.AppendNotification(nil, wire.Method{Num: wire.MethodCancel}, 1), uint64(slowID)))
		if m := h.recv(); m.ID != slowID || m.Code != CodeCancelled {
			t.Errorf("%d: %v %s", m.ID, m.Code, m.Text)
		}
		// To give up what is not open is nothing.
		h.send(wire.AppendUint(wire.AppendNotification(nil, wire.Method{Num: wire.MethodCancel}, 1), uint64(slowID)))
		h.fails(CodeLate, "sleep", 5000, 2*time.Second)
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("after %v", d)
		}
		if m := h.call("sleep", 1000); m.Code != 0 || m.Result.Type() != wire.TypeNil || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", m.Code, time.Since(began))
		}
		m := h.call("stats")
		v, _ := m.Result.Array()
		v.Skip()
		v.Skip()
		if dropped, err := v.Uint(); err != nil || dropped != 1 {
			t.Errorf("%d dropped, want the request with an open id: %v", dropped, err)
		}
		// A new hello forgets what was open: no answer comes for it.
		h.send(h.request("sleep", 1000))
		h.redialSame()
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if n, err := h.conn.Recv(short, h.buf[:]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%x, %v", h.buf[:n], err)
		}
	})
}

func (h *host) redialSame() {
	h.t.Helper()
	if m := h.call("hello", wire.Version, mtu, 64, 64, 31, 0); m.Code != 0 {
		h.t.Fatal(m.Code)
	}
}

// TestLateBehindOthers: the time of a call runs while it waits for the core.
func TestLateBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		if err := h.b.Inject("dsp0", Fault{Kind: Stall, Method: "sum", Delay: time.Second}); err != nil {
			t.Fatal(err)
		}
		h.send(h.request("sum", []byte{1}))
		h.send(h.request("crc32c", []byte{1}, 500*time.Millisecond))
		if m := h.recv(); m.Code != 0 {
			t.Error(m.Code)
		}
		if m := h.recv(); m.Code != CodeLate {
			t.Error(m.Code)
		}
	})
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := DefaultProcessors()
		list[0].Requests = 2
		h := dial(t, newBoard(t, Config{Processors: list}), "dsp0")
		h.send(h.request("sleep", 1000))
		h.send(h.request("sleep", 1000))
		h.fails(CodeBusy, "sleep", 1000)
		h.recv()
		h.recv()
		if m := h.call("sleep", 1); m.Code != 0 {
			t.Error(m.Code)
		}
	})
}

func TestBatch(t *testing.T) {
	h := dial(t, newBoard(t, Config{}), "dsp0")
	both := append(h.request("sum", []byte{1}), h.request("sleep", 0)...)
	both = append(both, h.request("sum", []byte{2})...)
	h.send(both)
	sums := uint64(0)
	for range 3 {
		m := h.recv()
		if m.Code != 0 {
			t.Fatal(m.Code)
		}
		if m.Result.Type() == wire.TypeUint {
			v, _ := m.Result.Uint()
			sums += v
		}
	}
	if sums != 3 {
		t.Error(sums)
	}
}

func TestApplicationErrorsAndNotifications(t *testing.T) {
	m := NewMux()
	seen := make(chan uint64, 1)
	m.HandleFunc("fail", func(c *Call) error { return &Error{Code: CodeApplication + 5, Text: "mine"} })
	m.HandleFunc("plain", func(c *Call) error { return errors.New("plain") })
	m.HandleFunc("big", func(c *Call) error { return c.ResultStr(strings.Repeat("x", 600)) })
	m.HandleFunc("lazy", func(c *Call) error { c.Uint(); return nil })
	m.HandleFunc("tell", func(c *Call) error {
		c.Log(LevelWarning, "hot")
		if err := c.Notify("progress", 42); err != nil {
			return err
		}
		if c.Notify("", 1) == nil || c.Notify("x", make([]byte, 600)) == nil {
			return errors.New("nonsense was accepted")
		}
		return c.Result(map[string]int{"a": 1})
	})
	m.HandleNotification("note", func(c *Call) error { seen <- c.Uint(); return c.End() })
	list := DefaultProcessors()[:1]
	list[0].Firmware.Program = "mine"
	h := dial(t, newBoard(t, Config{Programs: map[string]*Mux{"mine": m}, Processors: list}), "dsp0")
	h.fails(CodeApplication+5, "fail")
	h.fails(CodeFailed, "plain")
	h.fails(CodeTooLarge, "big")
	h.fails(CodeBadArguments, "lazy", "text")
	h.send(wire.AppendUint(wire.AppendNotification(nil, wire.Method{Name: []byte("note")}, 1), 9))
	if v := <-seen; v != 9 {
		t.Error(v)
	}
	h.send(h.request("tell"))
	if m := h.recv(); m.Kind != wire.Notification || m.Method.Num != wire.MethodLog {
		t.Errorf("%+v", m)
	}
	if m := h.recv(); m.Kind != wire.Notification || string(m.Method.Name) != "progress" {
		t.Errorf("%+v", m)
	}
	m2 := h.recv()
	var got map[string]int
	if err := m2.Result.Decode(&got); err != nil || got["a"] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzPayload: the processor answers each request that it could read an id from exactly once, and stays usable.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{"", "c1", "94000712" + "91c403010203", "9400a0", "940007a373756d91c403010203c0", "94000712919191919191919191919191", "93020391" + "2a", "94000719dd7fffffff", "9500cd012ca373756d91c403010203ce0003d090"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b := newBoard(f, Config{})
	h := dial(f, b, "dsp0")
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) > mtu {
			return
		}
		if bytes.Contains(msg, []byte("hang")) || bytes.Contains(msg, []byte("crash")) || bytes.Contains(msg, []byte("wild")) || bytes.Contains(msg, []byte("sleep")) {
			return // they do what they say
		}
		m := NewMux()
		for _, g := range Functions().methods {
			switch g.name {
			case "hang", "crash", "wild", "sleep":
			default:
				m.HandleFunc(g.name, g.run)
			}
		}
		p := h.p
		r := newRun(p, m)
		c := newConn(r, &service{name: wire.Service}, 1, 1)
		c.session.greeted = true
		c.session.mtu.Store(mtu)
		defer r.end(nil)
		want := map[uint32]int{}
		for rest := msg; len(rest) > 0; {
			v, next, err := wire.Parse(rest)
			if v.HasID && v.Kind == wire.Request {
				want[v.ID]++
			}
			if err != nil {
				break
			}
			rest = next
		}
		s := &slot{conn: c, at: time.Now(), n: len(msg)}
		copy(s.data[:], msg)
		if !r.serve(s) {
			t.Fatalf("%x stopped the core", msg)
		}
		for c.n > 0 {
			n, err := c.Recv(context.Background(), h.buf[:])
			if err != nil {
				t.Fatal(err)
			}
			a, rest, err := wire.Parse(h.buf[:n])
			if err != nil || len(rest) > 0 {
				t.Fatalf("answer %x to %x: %v", h.buf[:n], msg, err)
			}
			if a.Kind == wire.Response {
				want[a.ID]--
			}
		}
		for id, n := range want {
			if n != 0 {
				t.Errorf("%x: request %d has %d answers too few", msg, id, n)
			}
		}
	})
}
