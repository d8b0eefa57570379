// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/offload-runtime/offload/internal/wire"
)

// TestCheck runs the kit's own tests, with the examples of docs/protocol.md, and the fuzzing, under the sanitizers.
func TestCheck(t *testing.T) {
	fuzz := "FUZZ=200000"
	if testing.Short() {
		fuzz = "FUZZ=20000"
	}
	t.Log(makeTarget(t, []string{"gcc"}, fuzz, "check"))
}

// TestSize compiles for the other processors and holds the kit below 8 KiB.
func TestSize(t *testing.T) {
	t.Log(makeTarget(t, []string{"arm-none-eabi-gcc", "aarch64-linux-gnu-gcc"}, "size"))
}

func methodNames(t *testing.T, p *peer) []string {
	var names []string
	for {
		b := wire.AppendRequest(nil, 1, wire.Method{Num: wire.MethodMethods}, 1, false)
		m := p.call(wire.AppendUint(b, uint64(len(names))))
		result, err := m.Result.Array()
		if err != nil {
			t.Fatal(err)
		}
		total, err := result.Uint()
		if err != nil {
			t.Fatal(err)
		}
		part, err := result.Array()
		if err != nil {
			t.Fatal(err)
		}
		if part.Len() == 0 && uint64(len(names)) < total {
			t.Fatalf("no names behind %d of %d", len(names), total)
		}
		for part.Len() > 0 {
			name, err := part.Str()
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, string(name))
		}
		if uint64(len(names)) >= total {
			return names
		}
	}
}

// TestMethods holds the table against section 7 of docs/protocol.md, also where the names come in parts.
func TestMethods(t *testing.T) {
	want := []string{"echo", "sum", "crc32c", "fill", "copy", "add_i16", "fir_q15", "gauss5x5", "sobel3x3", "matmul_i8", "poke",
		"peek", "hang", "crash", "wild", "sleep"}
	p := newPeer(t)
	for _, mtu := range []int{496, 200, 128} {
		p.do("mtu %d", mtu)
		p.hello()
		if got := methodNames(t, p); !slices.Equal(got, want) {
			t.Errorf("mtu %d: methods %q, want %q", mtu, got, want)
		}
	}
}

// TestSleep takes the kit through an answer that comes later, a deadline and a cancellation.
func TestSleep(t *testing.T) {
	p := newPeer(t)
	sleep := wire.Method{Name: []byte("sleep")}
	request := func(id uint32, ms, timeout uint64) []byte {
		b := wire.AppendUint(wire.AppendRequest(nil, id, sleep, 1, timeout != 0), ms)
		if timeout != 0 {
			b = wire.AppendUint(b, timeout)
		}
		return b
	}
	for _, r := range [][]byte{request(1, 10, 0), request(2, 10, 5000), request(3, 1000, 0)} {
		if sent := p.give(r); len(sent) != 0 {
			t.Fatalf("answered at once: %x", sent)
		}
	}
	if sent := p.give(wire.AppendUint(wire.AppendNotification(nil, wire.Method{Num: wire.MethodCancel}, 1), 3)); len(sent) != 0 {
		t.Fatalf("cancel was answered: %x", sent)
	}
	var ids []uint32
	var codes []wire.Code
	for _, line := range append(p.do("clock 6001"), p.do("clock 11000")...) {
		m, _, err := wire.Parse(unhex(t, line[2:]))
		if err != nil {
			t.Fatal(err)
		}
		ids, codes = append(ids, m.ID), append(codes, m.Code)
	}
	if !slices.Equal(ids, []uint32{2, 3, 1}) || !slices.Equal(codes, []wire.Code{wire.CodeLate, wire.CodeCancelled, 0}) {
		t.Errorf("ids %v with codes %v", ids, codes)
	}
}

// TestAgreesOnValidity gives the kit and the Go decoder the same payloads, grown at random from bytes that mean something:
// what one takes for a sound request must be one for the other. A sound echo comes back as it was sent.
func TestAgreesOnValidity(t *testing.T) {
	const payloads = 30000
	letters := []byte{0x00, 0x01, 0x05, 0x7f, 0x80, 0x81, 0x82, 0x90, 0x91, 0x92, 0xa0, 0xa1, 0xc0, 0xc1, 0xc2, 0xc4, 0xc5, 0xc7, 0xc8,
		0xca, 0xcc, 0xcd, 0xd0, 0xd4, 0xd5, 0xd9, 0xda, 0xdc, 0xde, 0xe0, 0xff}
	rnd := rand.New(rand.NewPCG(1, 2))
	p := newPeer(t)
	sound := 0
	for range payloads {
		payload := wire.AppendRequest(nil, 7, wire.Method{Num: wire.FirstTableSlot}, 1, false)
		n := rnd.IntN(20)
		switch rnd.IntN(4) {
		case 0: // a buffer, or nearly one
			n = []int{8, 9, 9, 9, 9, 10, 16, 17, 17, 17, 17, 18}[rnd.IntN(12)]
			payload = append(payload, 0xc7, byte(n), wire.RefType, byte(rnd.IntN(10)))
			for range n - 1 {
				payload = append(payload, []byte{0, 0xff, 0x80, 1}[rnd.IntN(4)])
			}
		case 1: // levels
			for range rnd.IntN(10) {
				payload = append(payload, 0x91)
			}
			payload = append(payload, byte(rnd.IntN(256)))
		default:
			for range n {
				payload = append(payload, letters[rnd.IntN(len(letters))])
			}
		}
		m, rest, err := wire.Parse(payload)
		for e := err; e == nil && len(rest) > 0; err = e {
			_, rest, e = wire.Parse(rest)
		}
		sent := p.give(payload)
		if len(sent) == 0 {
			t.Fatalf("payload %x: no answer", payload)
		}
		a, _, e := wire.Parse(sent[0])
		if e != nil {
			t.Fatalf("payload %x: answer %x: %v", payload, sent[0], e)
		}
		if (err == nil) != (a.Code == 0) {
			t.Fatalf("payload %x: Go says %v, the kit answers code %v, %q", payload, err, a.Code, a.Text)
		}
		if err != nil {
			continue
		}
		sound++
		want, _ := m.Params.Raw()
		if got, _ := a.Result.Raw(); !bytes.Equal(got, want) {
			t.Fatalf("payload %x: echo of %x is %x", payload, want, got)
		}
	}
	if sound < payloads/20 || sound > payloads/2 {
		t.Errorf("%d of %d payloads were sound: the test looks at one side only", sound, payloads)
	}
}
