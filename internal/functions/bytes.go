// SPDX-License-Identifier: Apache-2.0

package functions

import "hash/crc32"

// Sum is the sum of all bytes.
func Sum(data []byte) uint64 {
	var s uint64
	for _, b := range data {
		s += uint64(b)
	}
	return s
}

// CRC32C is the CRC-32C (Castagnoli) of data.
func CRC32C(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// Fill sets every byte of out and returns how many there are.
func Fill(out []byte, value byte) uint64 {
	if len(out) == 0 {
		return 0
	}
	out[0] = value
	for n := 1; n < len(out); n *= 2 {
		copy(out[n:], out[:n])
	}
	return uint64(len(out))
}

// Copy copies as many bytes as the shorter slice has and returns how many. The slices may overlap, as with memmove.
func Copy(out, data []byte) uint64 { return uint64(copy(out, data)) }
