// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/offload-runtime/offload/internal/wire"
)

func TestBytes(t *testing.T) {
	if got := CRC32C([]byte("123456789")); got != 0xe3069283 { // the check value of the CRC catalogue
		t.Errorf("CRC32C = %#x", got)
	}
	if CRC32C(nil) != 0 || Sum(nil) != 0 || Fill(nil, 1) != 0 || Copy(nil, []byte{1}) != 0 || Copy([]byte{1}, nil) != 0 {
		t.Error("empty input is not zero")
	}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Byte()).Draw(t, "p")
		if got, want := CRC32C(p), bitwiseCRC(p); got != want {
			t.Errorf("CRC32C = %#x, want %#x", got, want)
		}
		var s uint64
		for i := range p {
			s += uint64(p[i])
		}
		if Sum(p) != s {
			t.Errorf("Sum = %d, want %d", Sum(p), s)
		}
		v := rapid.Byte().Draw(t, "v")
		if n := Fill(p, v); n != uint64(len(p)) || bytes.Count(p, []byte{v}) != len(p) {
			t.Errorf("Fill: %d, %x", n, p)
		}
	})
	if CRC32C([]byte("abc")) != crc32.Checksum([]byte("abc"), crc32.MakeTable(crc32.Castagnoli)) {
		t.Error("differs from hash/crc32")
	}
	p := []byte{1, 2, 3, 4, 5}
	if n := Copy(p[1:], p); n != 4 || !bytes.Equal(p, []byte{1, 1, 2, 3, 4}) {
		t.Errorf("overlapping copy: %d, %v", n, p)
	}
}

// bitwiseCRC is the definition: the reflected polynomial 0x82f63b78, one bit at a time.
func bitwiseCRC(p []byte) uint32 {
	c := ^uint32(0)
	for _, b := range p {
		c ^= uint32(b)
		for range 8 {
			c = c>>1 ^ 0x82f63b78*(c&1)
		}
	}
	return ^c
}

func clamp(v *big.Int) int16 {
	if v.Cmp(big.NewInt(math.MaxInt16)) > 0 {
		return math.MaxInt16
	}
	if v.Cmp(big.NewInt(math.MinInt16)) < 0 {
		return math.MinInt16
	}
	return int16(v.Int64())
}

func TestAddI16(t *testing.T) {
	a := le16(32767, -32768, 32767, -32768, 1, 0)
	b := le16(1, -1, 32767, -32768, -2, 0)
	out := make([]byte, len(a))
	n, err := AddI16(out, a, b)
	if want := le16(32767, -32768, 32767, -32768, -1, 0); n != 6 || err != nil || !bytes.Equal(out, want) {
		t.Errorf("%d, %v, %x, want %x", n, err, out, want)
	}
	if n, err := AddI16(a, a, b); n != 6 || err != nil || !bytes.Equal(a, out) {
		t.Errorf("in place: %d, %v", n, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOf(rapid.Int16()).Draw(t, "x")
		y := rapid.SliceOfN(rapid.Int16(), len(x), len(x)).Draw(t, "y")
		out := make([]byte, 2*len(x))
		if _, err := AddI16(out, le16(x...), le16(y...)); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			want := clamp(new(big.Int).Add(big.NewInt(int64(x[i])), big.NewInt(int64(y[i]))))
			if got := int16(binary.LittleEndian.Uint16(out[2*i:])); got != want {
				t.Fatalf("%d + %d = %d, want %d", x[i], y[i], got, want)
			}
		}
	})
}

func TestFIR(t *testing.T) {
	// The largest sum that 1024 taps can make: 2^40, beyond 32 bits.
	x, h := bytes.Repeat(le16(-32768), 1024), bytes.Repeat(le16(-32768), 1024)
	out := make([]byte, len(x))
	if _, err := FIRQ15(out, x, h); err != nil || int16(binary.LittleEndian.Uint16(out[2046:])) != 32767 {
		t.Errorf("%v, %x", err, out[2040:])
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Int16(), 0, 40).Draw(t, "x")
		h := rapid.SliceOfN(rapid.Int16(), 1, 20).Draw(t, "h")
		out := make([]byte, 2*len(x))
		if n, err := FIRQ15(out, le16(x...), le16(h...)); err != nil || n != uint64(len(x)) {
			t.Fatal(n, err)
		}
		for n := range x {
			sum := big.NewInt(0x4000)
			for k := range h {
				if n-k >= 0 {
					sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(h[k])), big.NewInt(int64(x[n-k]))))
				}
			}
			// Rsh of big.Int rounds toward minus infinity, as an arithmetic shift does.
			want := clamp(sum.Rsh(sum, 15))
			if got := int16(binary.LittleEndian.Uint16(out[2*n:])); got != want {
				t.Fatalf("sample %d = %d, want %d", n, got, want)
			}
		}
	})
}

// at is a pixel with repeated edges, straight from the definition.
func at(p []byte, w, h, s, x, y int) int {
	return int(p[min(max(y, 0), h-1)*s+min(max(x, 0), w-1)])
}

func TestPictures(t *testing.T) {
	kernel := [5]int{1, 4, 6, 4, 1}
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 12).Draw(t, "w"), rapid.IntRange(1, 12).Draw(t, "h")
		s := w + rapid.IntRange(0, 5).Draw(t, "pad")
		need := (h-1)*s + w
		in := rapid.SliceOfN(rapid.Byte(), need, need+3).Draw(t, "in")
		gauss, sobel := bytes.Repeat([]byte{0xee}, len(in)), bytes.Repeat([]byte{0xee}, len(in))
		n, err := Gauss5x5(gauss, in, uint64(w), uint64(h), uint64(s))
		if err != nil || n != uint64(w*h) {
			t.Fatal(n, err)
		}
		if n, err = Sobel3x3(sobel, in, uint64(w), uint64(h), uint64(s)); err != nil || n != uint64(w*h) {
			t.Fatal(n, err)
		}
		for i := range in {
			x, y := i%s, i/s
			if x >= w || y >= h {
				if gauss[i] != 0xee || sobel[i] != 0xee {
					t.Fatalf("byte %d lies outside the picture and was written", i)
				}
				continue
			}
			sum := 128
			for dy, a := range kernel {
				for dx, b := range kernel {
					sum += a * b * at(in, w, h, s, x+dx-2, y+dy-2)
				}
			}
			if int(gauss[i]) != sum>>8 {
				t.Fatalf("gauss at %d,%d of %dx%d: %d, want %d", x, y, w, h, gauss[i], sum>>8)
			}
			gx, gy := 0, 0
			for d, k := range [3]int{1, 2, 1} {
				gx += k * (at(in, w, h, s, x+1, y+d-1) - at(in, w, h, s, x-1, y+d-1))
				gy += k * (at(in, w, h, s, x+d-1, y+1) - at(in, w, h, s, x+d-1, y-1))
			}
			if want := min(255, int(math.Abs(float64(gx))+math.Abs(float64(gy)))); int(sobel[i]) != want {
				t.Fatalf("sobel at %d,%d of %dx%d: %d, want %d", x, y, w, h, sobel[i], want)
			}
		}
	})
}

func TestMatMul(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, n, k := rapid.IntRange(0, 6).Draw(t, "m"), rapid.IntRange(0, 6).Draw(t, "n"), rapid.IntRange(0, 6).Draw(t, "k")
		a := rapid.SliceOfN(rapid.Byte(), m*k, m*k+2).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), k*n, k*n+2).Draw(t, "b")
		out := bytes.Repeat([]byte{0xee}, 4*m*n+2)
		if r, err := MatMulI8(out, a, b, uint64(m), uint64(n), uint64(k)); err != nil || r != uint64(m*n) {
			t.Fatal(r, err)
		}
		for i := range m {
			for j := range n {
				sum := new(big.Int)
				for p := range k {
					sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(int8(a[i*k+p]))), big.NewInt(int64(int8(b[p*n+j])))))
				}
				if got := int32(binary.LittleEndian.Uint32(out[4*(i*n+j):])); int64(got) != sum.Int64() {
					t.Fatalf("element %d,%d = %d, want %v", i, j, got, sum)
				}
			}
		}
		if out[4*m*n] != 0xee {
			t.Fatal("written beyond the result")
		}
	})
	// 2^17 products of (-128)·(-128) = 2^14 make 2^31: the sum wraps.
	v := bytes.Repeat([]byte{0x80}, 1<<17)
	out := make([]byte, 4)
	if _, err := MatMulI8(out, v, v, 1, 1, 1<<17); err != nil || int32(binary.LittleEndian.Uint32(out)) != math.MinInt32 {
		t.Errorf("wrapping: %v, %x", err, out)
	}
}

func TestRefusals(t *testing.T) {
	mem := make([]byte, 4096)
	const big32 = math.MaxInt32
	tests := []struct {
		name string
		err  func() (uint64, error)
		want wire.Code
	}{
		{"add: odd", func() (uint64, error) { return AddI16(mem[:3], mem[8:11], mem[16:19]) }, wire.CodeBadArguments},
		{"add: a and b differ", func() (uint64, error) { return AddI16(mem[:4], mem[8:12], mem[16:18]) }, wire.CodeBadArguments},
		{"add: out short", func() (uint64, error) { return AddI16(mem[:2], mem[8:12], mem[16:20]) }, wire.CodeBadBuffer},
		{"add: out long", func() (uint64, error) { return AddI16(mem[:6], mem[8:12], mem[16:20]) }, wire.CodeBadArguments},
		{"add: overlap in part", func() (uint64, error) { return AddI16(mem[2:6], mem[0:4], mem[16:20]) }, wire.CodeBadBuffer},
		{"fir: no taps", func() (uint64, error) { return FIRQ15(mem[:4], mem[8:12], nil) }, wire.CodeBadArguments},
		{"fir: too many taps", func() (uint64, error) { return FIRQ15(mem[:4], mem[8:12], mem[16:16+2050]) }, wire.CodeBadArguments},
		{"fir: odd taps", func() (uint64, error) { return FIRQ15(mem[:4], mem[8:12], mem[16:19]) }, wire.CodeBadArguments},
		{"fir: odd x", func() (uint64, error) { return FIRQ15(mem[:3], mem[8:11], mem[16:18]) }, wire.CodeBadArguments},
		{"fir: out short", func() (uint64, error) { return FIRQ15(mem[:2], mem[8:12], mem[16:18]) }, wire.CodeBadBuffer},
		{"fir: out long", func() (uint64, error) { return FIRQ15(mem[:6], mem[8:12], mem[16:18]) }, wire.CodeBadArguments},
		{"fir: overlap x", func() (uint64, error) { return FIRQ15(mem[:4], mem[:4], mem[16:18]) }, wire.CodeBadBuffer},
		{"fir: overlap h", func() (uint64, error) { return FIRQ15(mem[:4], mem[8:12], mem[2:4]) }, wire.CodeBadBuffer},
		{"gauss: stride", func() (uint64, error) { return Gauss5x5(mem[:64], mem[64:], 8, 8, 7) }, wire.CodeBadArguments},
		{"gauss: in short", func() (uint64, error) { return Gauss5x5(mem[:64], mem[64:127], 8, 8, 8) }, wire.CodeBadBuffer},
		{"gauss: out short", func() (uint64, error) { return Gauss5x5(mem[:63], mem[64:], 8, 8, 8) }, wire.CodeBadBuffer},
		{"gauss: overlap by a byte", func() (uint64, error) { return Gauss5x5(mem[:64], mem[63:127], 8, 8, 8) }, wire.CodeBadBuffer},
		{"gauss: huge", func() (uint64, error) { return Gauss5x5(mem[:64], mem[64:], big32, big32, big32) }, wire.CodeBadBuffer},
		{"sobel: wrap", func() (uint64, error) { return Sobel3x3(mem[:64], mem[64:], 1, math.MaxUint64, 1) }, wire.CodeBadArguments},
		{"sobel: wrap to 0", func() (uint64, error) { return Sobel3x3(mem[:64], mem[64:], 1, 1<<32+1, 1<<32) }, wire.CodeBadArguments},
		{"sobel: in place", func() (uint64, error) { return Sobel3x3(mem[:64], mem[:64], 8, 8, 8) }, wire.CodeBadBuffer},
		{"matmul: A short", func() (uint64, error) { return MatMulI8(mem[:16], mem[16:19], mem[32:], 2, 2, 2) }, wire.CodeBadBuffer},
		{"matmul: B short", func() (uint64, error) { return MatMulI8(mem[:16], mem[16:], mem[32:35], 2, 2, 2) }, wire.CodeBadBuffer},
		{"matmul: out short", func() (uint64, error) { return MatMulI8(mem[:15], mem[16:20], mem[32:], 2, 2, 2) }, wire.CodeBadBuffer},
		{"matmul: overlap", func() (uint64, error) { return MatMulI8(mem[:16], mem[15:19], mem[32:], 2, 2, 2) }, wire.CodeBadBuffer},
		{"matmul: wrap", func() (uint64, error) { return MatMulI8(mem, mem, mem, 1<<63, 2, 0) }, wire.CodeBadArguments},
		{"matmul: huge", func() (uint64, error) { return MatMulI8(mem, mem, mem, big32, big32, big32) }, wire.CodeBadBuffer},
	}
	for _, tt := range tests {
		n, err := tt.err()
		var e *Error
		if !errors.As(err, &e) || e.Code != tt.want || n != 0 {
			t.Errorf("%s: %d, %v, want code %d (%v)", tt.name, n, err, tt.want, tt.want)
		}
	}
	if Sum(mem) != 0 {
		t.Error("a refused call wrote")
	}
	for _, f := range []func(out, in []byte, w, h, s uint64) (uint64, error){Gauss5x5, Sobel3x3} {
		if n, err := f(nil, nil, 0, 0, 0); n != 0 || err != nil {
			t.Errorf("empty picture: %d, %v", n, err)
		}
	}
	// Neighbours that touch do not overlap.
	if _, err := Sobel3x3(mem[:64], mem[64:128], 8, 8, 8); err != nil {
		t.Error(err)
	}
}

func TestAllocs(t *testing.T) {
	a, b, out := make([]byte, 256), make([]byte, 256), make([]byte, 256)
	if n := testing.AllocsPerRun(100, func() {
		Sum(a)
		CRC32C(a)
		Fill(out, 1)
		AddI16(out, a, b)
		FIRQ15(out, a, b[:32])
		Sobel3x3(out, a, 16, 16, 16)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFunctions(b *testing.B) {
	const w, h = 640, 480
	in, in2, out := sequence(1, w*h), sequence(2, w*h), make([]byte, w*h)
	for _, f := range []struct {
		name string
		run  func()
	}{
		{"sum", func() { Sum(in) }},
		{"crc32c", func() { CRC32C(in) }},
		{"fill", func() { Fill(out, 7) }},
		{"copy", func() { Copy(out, in) }},
		{"add_i16", func() { AddI16(out, in, in2) }},
		{"fir_q15_32", func() { FIRQ15(out, in, in2[:64]) }},
		{"gauss5x5", func() { Gauss5x5(out, in, w, h, w) }},
		{"sobel3x3", func() { Sobel3x3(out, in, w, h, w) }},
		{"matmul_i8_128", func() { MatMulI8(out, in, in2, 128, 128, 128) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(w * h)
			for b.Loop() {
				f.run()
			}
		})
	}
}
