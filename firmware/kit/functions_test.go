// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/internal/wire"
	"pgregory.net/rapid"
)

const (
	memory     = 0x9_0000_0000 // device address of the test's memory: more than 32 bits
	memorySize = 1 << 16
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// span is a range of the memory, given as a buffer or, where inline is set, as bytes.
type span struct {
	off, n int
	inline bool
}

func (s span) of(mem []byte) []byte { return mem[s.off : s.off+s.n : s.off+s.n] }

// want is what the reference says: a number, or a code.
type want struct {
	value uint64
	code  wire.Code
}

func result(t *rapid.T, n uint64, err error) want {
	var e *functions.Error
	if errors.As(err, &e) {
		return want{code: e.Code}
	}
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	return want{value: n}
}

// compare runs one function on the kit and by the reference on the same memory and compares answer and memory.
func (p *peer) compare(r *rapid.T, mem []byte, method string, out *span, in []span, numbers []uint64, reference func(mem []byte) want) {
	p.load(memory, mem)
	b := wire.AppendRequest(nil, 9, wire.Method{Name: []byte(method)}, len(in)+len(numbers)+btoi(out != nil), false)
	if out != nil {
		b = wire.AppendRef(b, wire.Ref{Addr: memory + uint64(out.off), Len: uint64(out.n), Flags: wire.RefWrite})
	}
	for _, s := range in {
		if s.inline {
			b = wire.AppendBin(b, s.of(mem))
		} else {
			b = wire.AppendRef(b, wire.Ref{Addr: memory + uint64(s.off), Len: uint64(s.n), Flags: wire.RefRead})
		}
	}
	for _, n := range numbers {
		b = wire.AppendUint(b, n)
	}
	m := p.call(b)
	got := want{code: m.Code}
	if m.Code == 0 {
		var err error
		if got.value, err = m.Result.Uint(); err != nil {
			r.Fatalf("%s: result: %v", method, err)
		}
	}
	expected := reference(mem)
	if got != expected {
		r.Fatalf("%s out %+v in %+v %v: kit %+v (%s), reference %+v", method, out, in, numbers, got, m.Text, expected)
	}
	if after := p.dump(memory, len(mem)); !bytes.Equal(after, mem) {
		r.Fatalf("%s out %+v in %+v %v: memory differs at %d", method, out, in, numbers, differ(after, mem))
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// near draws sizes that are mostly right and sometimes off by a little.
func near(r *rapid.T, name string, n int) int {
	return max(0, n+rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 1, -1, 2, -2}).Draw(r, name))
}

// place draws where a range lies; ranges often overlap.
func place(r *rapid.T, name string, n, size int) span {
	return span{off: rapid.IntRange(0, size-n).Draw(r, name), n: n}
}

// TestFunctions compares every function with the reference on random input, good and bad.
func TestFunctions(t *testing.T) {
	p := newPeer(t)
	p.do("region %d %d", uint64(memory), memorySize)
	const size = 4096
	start := func(r *rapid.T) []byte {
		seed := rapid.Uint32().Draw(r, "seed")
		mem := make([]byte, size)
		for i := range mem {
			seed = seed*1664525 + 1013904223
			mem[i] = byte(seed >> 24)
		}
		return mem
	}
	t.Run("bytes", rapid.MakeCheck(func(r *rapid.T) {
		mem := start(r)
		s := place(r, "at", rapid.IntRange(0, 400).Draw(r, "n"), size)
		s.inline = rapid.Bool().Draw(r, "inline")
		out := place(r, "out", rapid.IntRange(0, 400).Draw(r, "m"), size)
		value := rapid.Byte().Draw(r, "value")
		p.compare(r, mem, "sum", nil, []span{s}, nil, func(m []byte) want { return want{value: functions.Sum(s.of(m))} })
		p.compare(r, mem, "crc32c", nil, []span{s}, nil, func(m []byte) want { return want{value: uint64(functions.CRC32C(s.of(m)))} })
		p.compare(r, mem, "copy", &out, []span{s}, nil, func(m []byte) want { return want{value: functions.Copy(out.of(m), s.of(m))} })
		p.compare(r, mem, "fill", &out, nil, []uint64{uint64(value)}, func(m []byte) want {
			return want{value: functions.Fill(out.of(m), value)}
		})
	}))
	t.Run("add_i16", rapid.MakeCheck(func(r *rapid.T) {
		mem := start(r)
		n := 2 * rapid.IntRange(0, 100).Draw(r, "n")
		a, b := place(r, "a", near(r, "na", n), size), place(r, "b", near(r, "nb", n), size)
		out := place(r, "out", near(r, "no", n), size)
		if rapid.Bool().Draw(r, "in place") {
			out = a
		}
		p.compare(r, mem, "add_i16", &out, []span{a, b}, nil, func(m []byte) want {
			n, err := functions.AddI16(out.of(m), a.of(m), b.of(m))
			return result(r, n, err)
		})
	}))
	t.Run("fir_q15", rapid.MakeCheck(func(r *rapid.T) {
		mem := start(r)
		n := 2 * rapid.IntRange(0, 100).Draw(r, "n")
		x := place(r, "x", near(r, "nx", n), size)
		h := place(r, "h", near(r, "nh", 2*rapid.IntRange(0, 1030).Draw(r, "taps")), size)
		out := place(r, "out", near(r, "no", n), size)
		p.compare(r, mem, "fir_q15", &out, []span{x, h}, nil, func(m []byte) want {
			n, err := functions.FIRQ15(out.of(m), x.of(m), h.of(m))
			return result(r, n, err)
		})
	}))
	for _, picture := range []struct {
		name string
		run  func(out, in []byte, w, h, s uint64) (uint64, error)
	}{{"gauss5x5", functions.Gauss5x5}, {"sobel3x3", functions.Sobel3x3}} {
		t.Run(picture.name, rapid.MakeCheck(func(r *rapid.T) {
			mem := start(r)
			w, h := rapid.IntRange(0, 30).Draw(r, "w"), rapid.IntRange(0, 30).Draw(r, "h")
			s := near(r, "stride", w+rapid.IntRange(0, 5).Draw(r, "gap"))
			n := max(0, (h-1)*s+w)
			in, out := place(r, "in", near(r, "ni", n), size), place(r, "out", near(r, "no", n), size)
			p.compare(r, mem, picture.name, &out, []span{in}, []uint64{uint64(w), uint64(h), uint64(s)}, func(m []byte) want {
				n, err := picture.run(out.of(m), in.of(m), uint64(w), uint64(h), uint64(s))
				return result(r, n, err)
			})
		}))
	}
	t.Run("matmul_i8", rapid.MakeCheck(func(r *rapid.T) {
		mem := start(r)
		dim := rapid.IntRange(0, 14)
		m, n, k := dim.Draw(r, "m"), dim.Draw(r, "n"), dim.Draw(r, "k")
		a, b := place(r, "a", near(r, "na", m*k), size), place(r, "b", near(r, "nb", k*n), size)
		out := place(r, "out", near(r, "no", 4*m*n), size)
		p.compare(r, mem, "matmul_i8", &out, []span{a, b}, []uint64{uint64(m), uint64(n), uint64(k)}, func(mem []byte) want {
			n, err := functions.MatMulI8(out.of(mem), a.of(mem), b.of(mem), uint64(m), uint64(n), uint64(k))
			return result(r, n, err)
		})
	}))
	t.Run("numbers", rapid.MakeCheck(func(r *rapid.T) {
		mem := start(r)
		number := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63}))
		w, h, s := number.Draw(r, "w"), number.Draw(r, "h"), number.Draw(r, "s")
		in, out := span{off: 0, n: 64}, span{off: 64, n: 64}
		p.compare(r, mem, "gauss5x5", &out, []span{in}, []uint64{w, h, s}, func(m []byte) want {
			n, err := functions.Gauss5x5(out.of(m), in.of(m), w, h, s)
			return result(r, n, err)
		})
		p.compare(r, mem, "matmul_i8", &out, []span{in, in}, []uint64{w, h, s}, func(m []byte) want {
			n, err := functions.MatMulI8(out.of(m), in.of(m), in.of(m), w, h, s)
			return result(r, n, err)
		})
	}))
}
