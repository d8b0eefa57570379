// SPDX-License-Identifier: Apache-2.0

package functions

import (
	"encoding/binary"
	"math"
)

// MatMulI8 writes the m×n int32 product of the m×k matrix a and the k×n matrix b of int8, all row-major, wrapping, and
// returns the number of elements. Slices may be longer than needed. out must not overlap a or b.
func MatMulI8(out, a, b []byte, m, n, k uint64) (uint64, error) {
	if m > math.MaxInt32 || n > math.MaxInt32 || k > math.MaxInt32 {
		return 0, badArgs("matrices of %d x %d x %d: too large", m, n, k)
	}
	// Products of two numbers below 2^31 fit into 62 bits, and four times that into 64.
	needA, needB, needOut := m*k, k*n, 4*m*n
	switch {
	case uint64(len(a)) < needA:
		return 0, badBuffer("A has %d bytes, %d x %d needs %d", len(a), m, k, needA)
	case uint64(len(b)) < needB:
		return 0, badBuffer("B has %d bytes, %d x %d needs %d", len(b), k, n, needB)
	case uint64(len(out)) < needOut:
		return 0, badBuffer("out has %d bytes, %d x %d needs %d", len(out), m, n, needOut)
	case overlap(out[:needOut], a[:needA]) || overlap(out[:needOut], b[:needB]):
		return 0, badBuffer("out overlaps an input")
	}
	if needOut == 0 {
		return 0, nil
	}
	acc := make([]int32, n)
	for i := range int(m) {
		clear(acc)
		for p, av := range a[i*int(k) : (i+1)*int(k)] {
			f := int32(int8(av))
			br := b[p*int(n) : (p+1)*int(n)]
			for j, bv := range br {
				acc[j] += f * int32(int8(bv))
			}
		}
		dst := out[4*i*int(n):]
		for j, v := range acc {
			binary.LittleEndian.PutUint32(dst[4*j:], uint32(v))
		}
	}
	return m * n, nil
}
