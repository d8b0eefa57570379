// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

func TestEcho(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.dial(t, "rpmsg-raw")
		for n := range rpmsg.MaxPayload + 1 {
			want := bytes.Repeat([]byte{byte(n)}, n)
			if err := l.send(want); err != nil {
				t.Fatal(err)
			}
			if got, err := l.recv(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came back as %x, %v", n, got, err)
			}
		}
	})
}

// TestBurst fills the ring faster than it is emptied: nothing is lost, and the order is kept.
func TestBurst(t *testing.T) {
	const messages = 5000
	eachCore(t, func(t *testing.T, c *core) {
		l := c.dial(t, "rpmsg-raw")
		sent := make(chan error, 1)
		go func() {
			for i := range messages {
				if err := l.send([]byte{byte(i), byte(i >> 8)}); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for i := range messages {
			b, err := l.recv()
			if err != nil || len(b) != 2 || int(b[0])|int(b[1])<<8 != i {
				t.Fatalf("message %d: %x, %v", i, b, err)
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}

func TestHello(t *testing.T) {
	bits := map[string]uint64{"dsp0": 40, "dsp1": 40, "r5f": 32}
	eachCore(t, func(t *testing.T, c *core) {
		l := c.dial(t, wire.Service)
		l.refused(wire.CodeBadArguments, "sum", []byte{1})
		r := l.hello(0)
		var v [8]uint64
		for i := range v {
			var err error
			if v[i], err = r.Uint(); err != nil {
				t.Fatal(err)
			}
		}
		name, err := r.Str()
		if err != nil || string(name) != "qemu "+c.name {
			t.Errorf("name %q, %v", name, err)
		}
		v[6] = 0 // the clock
		if want := [8]uint64{1, 496, 32, 1, bits[c.name], 0x1f, 0, 16}; v != want {
			t.Errorf("hello %v, want %v", v, want)
		}
		if n := l.call("sum", []byte{1, 2, 3}); n != 6 {
			t.Errorf("sum %d", n)
		}
	})
}

// TestSessions has more endpoints at once than there are sessions in the firmware; each keeps its own features, and the one
// that was silent for longest must begin anew.
func TestSessions(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		var links []*link
		for range 9 {
			links = append(links, c.session(t, 0))
		}
		for _, l := range links[1:] {
			l.call("sum", []byte{1})
		}
		links[0].refused(wire.CodeBadArguments, "sum", []byte{1})
	})
}

// TestSleep has answers come later, and deadlines and cancelling noticed while the core sleeps.
func TestSleep(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, 0)
		const late = 100
		timed := wire.AppendUint(wire.AppendRequest(nil, late, wire.Method{Name: []byte("sleep")}, 1, true), 1e6)
		timed = wire.AppendUint(timed, 20000)
		first := l.id + 1
		for _, b := range [][]byte{l.encode("sleep", 30), l.encode("sleep", 2), l.encode("sleep", 1000000), timed} {
			if err := l.send(b); err != nil {
				t.Fatal(err)
			}
		}
		third := l.id
		got := map[uint32]wire.Code{}
		for range 3 {
			m, err := l.next()
			if err != nil {
				t.Fatal(err)
			}
			got[m.ID] = m.Code
		}
		if want := (map[uint32]wire.Code{first: 0, first + 1: 0, late: wire.CodeLate}); !maps.Equal(got, want) {
			t.Errorf("codes %v, want %v", got, want)
		}
		if err := l.send(wire.AppendUint(wire.AppendNotification(nil, wire.Method{Num: wire.MethodCancel}, 1), uint64(third))); err != nil {
			t.Fatal(err)
		}
		if m, err := l.next(); err != nil || m.ID != third || m.Code != wire.CodeCancelled {
			t.Errorf("cancelled: id %d code %v, %v", m.ID, m.Code, err)
		}
	})
}

// TestBeat waits for heartbeats of an idle core, which only its timer can wake.
func TestBeat(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, wire.FeatureBeat)
		for want := uint64(1); want <= 3; want++ {
			b, err := l.recv()
			if err != nil {
				t.Fatal(err)
			}
			m, _, err := wire.Parse(b)
			if err != nil || m.Kind != wire.Notification || m.Method.Num != wire.MethodBeat {
				t.Fatalf("%x: %v", b, err)
			}
			if n, err := m.Params.Uint(); err != nil || n != want {
				t.Errorf("beat %d, %v, want %d", n, err, want)
			}
		}
	})
}

// TestBatch sends many requests in a payload; the answers share payloads, too.
func TestBatch(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, wire.FeatureBatch)
		var b []byte
		const requests = 30
		for range requests {
			b = append(b, l.encode("sum", []byte{1, 2, 3})...)
		}
		if err := l.send(b); err != nil {
			t.Fatal(err)
		}
		payload, err := l.recv()
		if err != nil {
			t.Fatal(err)
		}
		answers := 0
		for len(payload) > 0 {
			var m wire.Message
			if m, payload, err = wire.Parse(payload); err != nil || m.Code != 0 {
				t.Fatalf("answer %d: %v %v", answers, m.Code, err)
			}
			answers++
		}
		if answers != requests {
			t.Errorf("%d answers in the first payload, want %d", answers, requests)
		}
	})
}

// TestWindows pokes and peeks: each core has the carveout at its own address, and nothing at that of another.
func TestWindows(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, 0)
		for _, at := range []uint64{c.msmc, c.msmc + msmcSize - 4} {
			l.call("poke", at, uint64(0xcafe0000|at&0xffff), 1)
			if n := l.call("peek", at); n != 0xcafe0000|at&0xffff {
				t.Errorf("peek %#x: %#x", at, n)
			}
		}
		other := map[string]uint64{"dsp0": msmc["dsp1"], "dsp1": msmc["dsp0"], "r5f": msmc["dsp0"]}[c.name]
		for _, at := range []uint64{0, c.msmc - 4, c.msmc + msmcSize, other, 0x60000000, 0x61000000, 1 << 40, 1<<32 + c.msmc, 1<<64 - 4} {
			if c.name == "r5f" && at == c.msmc+msmcSize {
				continue // the next window begins there
			}
			if m := l.roundTrip(l.encode("peek", at)); m.Code != wire.CodeBadBuffer && !(m.Code == 0 && at == c.msmc+msmcSize) {
				t.Errorf("peek %#x: %v %s", at, m.Code, m.Text)
			}
		}
		l.refused(wire.CodeBadBuffer, "sum", in{c.msmc, 1 << 31})
		l.refused(wire.CodeBadBuffer, "fill", in{c.msmc, 4}, 1) // wrong direction
	})
}

// sequence is the input of internal/functions' golden values.
func sequence(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 24)
	}
	return b
}

// TestFunctions compares the functions with the reference, on memory that lies at odd addresses.
func TestFunctions(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, 0)
		const size = 3000
		a, b := c.msmc+0x10001, c.msmc+0x20003
		o := c.msmc + 0x30000
		dataA, dataB := sequence(5, size), sequence(6, 2048)
		l.load(a, dataA)
		l.load(b, dataB)
		check := func(name string, n int, got uint64, want []byte, count uint64, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if got != count {
				t.Errorf("%s: %d, want %d", name, got, count)
			}
			if crc := uint32(l.call("crc32c", in{o, uint64(n)})); crc != functions.CRC32C(want) {
				t.Errorf("%s: result has CRC %08x, want %08x", name, crc, functions.CRC32C(want))
			}
		}
		if got := l.call("sum", in{a, size}); got != functions.Sum(dataA) {
			t.Errorf("sum %d, want %d", got, functions.Sum(dataA))
		}
		if got := l.call("crc32c", in{a, size}); got != uint64(functions.CRC32C(dataA)) {
			t.Errorf("crc32c %08x, want %08x", got, functions.CRC32C(dataA))
		}
		want := make([]byte, size)
		n, err := functions.FIRQ15(want, dataA, dataB)
		check("fir_q15", size, l.call("fir_q15", out{o, size}, in{a, size}, in{b, 2048}), want, n, err)
		n, err = functions.AddI16(want[:2048], dataA[:2048], dataB)
		check("add_i16", size, l.call("add_i16", out{o, 2048}, in{a, 2048}, in{b, 2048}), want, n, err)
		n, err = functions.Gauss5x5(want, dataA, 61, 37, 80)
		check("gauss5x5", size, l.call("gauss5x5", out{o, size}, in{a, size}, 61, 37, 80), want, n, err)
		n, err = functions.Sobel3x3(want, dataA, 61, 37, 80)
		check("sobel3x3", size, l.call("sobel3x3", out{o, size}, in{a, size}, 61, 37, 80), want, n, err)
		n, err = functions.MatMulI8(want, dataA, dataB, 21, 33, 40)
		check("matmul_i8", size, l.call("matmul_i8", out{o, size}, in{a, size}, in{b, 2048}, 21, 33, 40), want, n, err)
		check("fill", 100, l.call("fill", out{o, 100}, 0xa5), bytes.Repeat([]byte{0xa5}, 100), 100, nil)
		l.refused(wire.CodeBadBuffer, "sobel3x3", out{a, size}, in{a, size}, 61, 37, 80)
	})
}

// TestNonsense gives the core payloads that are none, and messages to nobody.
func TestNonsense(t *testing.T) {
	eachCore(t, func(t *testing.T, c *core) {
		l := c.session(t, wire.FeatureLog)
		for i := range 2000 {
			b := sequence(uint32(i), i%rpmsg.MaxPayload)
			if err := l.send(b); err != nil {
				t.Fatal(err)
			}
		}
		// Rubbish may look like a request: read all answers up to that of a good one.
		l.id = 1 << 31
		if err := l.send(l.encode("sum", []byte{7})); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := l.next()
			if err != nil {
				t.Fatal(err)
			}
			if m.ID == l.id {
				break
			}
		}
		if text := c.trace(t); strings.Contains(text, "CRASH") {
			t.Error(text)
		}
	})
}
