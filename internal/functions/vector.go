// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"encoding/binary"
	"math"
)

// MaxTaps is the most coefficients that FIRQ15 takes.
const MaxTaps = 1024

func sat16(v int64) uint16 {
	return uint16(int16(min(max(v, math.MinInt16), math.MaxInt16)))
}

func i16(b []byte, i int) int64 { return int64(int16(binary.LittleEndian.Uint16(b[2*i:]))) }

// AddI16 adds vectors of int16 with saturation and returns the number of elements. The three lengths must be equal and
// even. out may be exactly a or b; it must not overlap them otherwise.
func AddI16(out, a, b []byte) (uint64, error) {
	switch {
	case len(a) != len(b):
		return 0, badArgs("a has %d bytes, b has %d", len(a), len(b))
	case len(a)%2 != 0:
		return 0, badArgs("%d bytes are not whole int16", len(a))
	case len(out) < len(a):
		return 0, badBuffer("out has %d bytes, needs %d", len(out), len(a))
	case len(out) != len(a):
		return 0, badArgs("out has %d bytes, a has %d", len(out), len(a))
	case overlap(out, a) && !same(out, a) || overlap(out, b) && !same(out, b):
		return 0, badBuffer("out overlaps an input in part")
	}
	for i := 0; i < len(out); i += 2 {
		x := int32(int16(binary.LittleEndian.Uint16(a[i:])))
		y := int32(int16(binary.LittleEndian.Uint16(b[i:])))
		binary.LittleEndian.PutUint16(out[i:], uint16(int16(min(max(x+y, math.MinInt16), math.MaxInt16))))
	}
	return uint64(len(out) / 2), nil
}

// FIRQ15 filters x with the coefficients h in Q15 and returns the number of samples. x before its start is 0. out must be
// as long as x and must not overlap x or h.
func FIRQ15(out, x, h []byte) (uint64, error) {
	taps := len(h) / 2
	switch {
	case len(x)%2 != 0:
		return 0, badArgs("x: %d bytes are not whole int16", len(x))
	case len(h)%2 != 0:
		return 0, badArgs("h: %d bytes are not whole int16", len(h))
	case taps < 1 || taps > MaxTaps:
		return 0, badArgs("%d taps, want 1 to %d", taps, MaxTaps)
	case len(out) < len(x):
		return 0, badBuffer("out has %d bytes, needs %d", len(out), len(x))
	case len(out) != len(x):
		return 0, badArgs("out has %d bytes, x has %d", len(out), len(x))
	case overlap(out, x) || overlap(out, h):
		return 0, badBuffer("out overlaps an input")
	}
	// The taps in reverse order, so that both slices run the same way.
	var rev [MaxTaps]int64
	for k := range taps {
		rev[taps-1-k] = i16(h, k)
	}
	for n := range len(x) / 2 {
		c := rev[:taps]
		first := n - taps + 1
		if first < 0 {
			c, first = c[-first:], 0
		}
		w := x[2*first : 2*n+2]
		var sum int64
		for _, v := range c {
			if len(w) < 2 {
				break
			}
			sum += v * int64(int16(uint16(w[0])|uint16(w[1])<<8))
			w = w[2:]
		}
		binary.LittleEndian.PutUint16(out[2*n:], sat16((sum+0x4000)>>15))
	}
	return uint64(len(x) / 2), nil
}
