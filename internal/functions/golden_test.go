// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// sequence is the input of the golden values: x' = 1664525·x + 1013904223 (mod 2^32) from the seed, of each x' the top byte.
func sequence(seed uint32, n int) []byte {
	b := make([]byte, n)
	x := seed
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

type golden struct {
	name string
	run  func() (result uint64, out []byte)
}

func must(n uint64, err error) uint64 {
	if err != nil {
		panic(err)
	}
	return n
}

// goldens is every function on inputs from sequence. In the names, s is the seed and n the length of each input.
func goldens() []golden {
	var g []golden
	add := func(name string, run func() (uint64, []byte)) { g = append(g, golden{name, run}) }
	for _, n := range []int{0, 1, 3, 64, 1000, 4096} {
		add(fmt.Sprintf("sum s=1 n=%d", n), func() (uint64, []byte) { return Sum(sequence(1, n)), nil })
		add(fmt.Sprintf("crc32c s=1 n=%d", n), func() (uint64, []byte) { return uint64(CRC32C(sequence(1, n))), nil })
	}
	add("fill value=165 n=77", func() (uint64, []byte) { out := make([]byte, 77); return Fill(out, 165), out })
	add("copy out=50 s=2 n=40", func() (uint64, []byte) { out := make([]byte, 50); return Copy(out, sequence(2, 40)), out })
	for _, n := range []int{2, 254, 2000} {
		add(fmt.Sprintf("add_i16 a.s=3 b.s=4 n=%d", n), func() (uint64, []byte) {
			out := make([]byte, n)
			return must(AddI16(out, sequence(3, n), sequence(4, n))), out
		})
	}
	for _, c := range []struct{ n, h int }{{2, 2}, {200, 2}, {200, 32}, {20, 128}, {3000, 2048}} {
		add(fmt.Sprintf("fir_q15 x.s=5 x.n=%d h.s=6 h.n=%d", c.n, c.h), func() (uint64, []byte) {
			out := make([]byte, c.n)
			return must(FIRQ15(out, sequence(5, c.n), sequence(6, c.h))), out
		})
	}
	for _, p := range []struct{ w, h, s uint64 }{{1, 1, 1}, {1, 7, 3}, {7, 1, 7}, {2, 2, 2}, {5, 4, 8}, {64, 48, 64}, {61, 33, 80}} {
		n := int((p.h-1)*p.s + p.w)
		add(fmt.Sprintf("gauss5x5 s=7 w=%d h=%d stride=%d", p.w, p.h, p.s), func() (uint64, []byte) {
			out := make([]byte, n)
			return must(Gauss5x5(out, sequence(7, n), p.w, p.h, p.s)), out
		})
		add(fmt.Sprintf("sobel3x3 s=8 w=%d h=%d stride=%d", p.w, p.h, p.s), func() (uint64, []byte) {
			out := make([]byte, n)
			return must(Sobel3x3(out, sequence(8, n), p.w, p.h, p.s)), out
		})
	}
	for _, c := range []struct{ m, n, k uint64 }{{1, 1, 1}, {3, 5, 7}, {16, 16, 64}, {2, 3, 0}, {33, 9, 100}} {
		add(fmt.Sprintf("matmul_i8 a.s=9 b.s=10 m=%d n=%d k=%d", c.m, c.n, c.k), func() (uint64, []byte) {
			out := make([]byte, 4*c.m*c.n)
			return must(MatMulI8(out, sequence(9, int(c.m*c.k)), sequence(10, int(c.k*c.n)), c.m, c.n, c.k)), out
		})
	}
	return g
}

// TestGolden compares all results with testdata/golden.tsv: name, result, CRC-32C of out. After a deliberate change run
// with GOLDEN_UPDATE=1.
func TestGolden(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# function and inputs\tresult\tCRC-32C of out\n")
	b.WriteString("# inputs: x' = 1664525*x + 1013904223 mod 2^32 from x = seed, the top byte of each x'; out starts as zeros\n")
	for _, g := range goldens() {
		r, out := g.run()
		fmt.Fprintf(&b, "%s\t%d\t%08x\n", g.name, r, CRC32C(out))
	}
	path := filepath.Join("testdata", "golden.tsv")
	if os.Getenv("GOLDEN_UPDATE") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w, h := bytes.Split(want, []byte("\n")), bytes.Split(b.Bytes(), []byte("\n"))
	if len(w) != len(h) {
		t.Fatalf("%d lines, golden.tsv has %d", len(h), len(w))
	}
	for i := range w {
		if !bytes.Equal(w[i], h[i]) {
			t.Errorf("line %d:\n got  %s\n want %s", i+1, h[i], w[i])
		}
	}
}

func le16(v ...int16) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	return b
}
