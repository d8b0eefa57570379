// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
)

// RefType is the MessagePack extension type of a buffer range.
const RefType = 1

// Flags of a buffer range.
const (
	RefRead  uint8 = 1 << 0 // the remote reads
	RefWrite uint8 = 1 << 1 // the remote writes
	refWide  uint8 = 1 << 2 // 64-bit address and length
)

const (
	refShortBody = 1 + 4 + 4
	refWideBody  = 1 + 8 + 8
	// MaxRef is the most bytes that one range takes in a message.
	MaxRef = 3 + refWideBody
)

// Ref is a range of a buffer as it travels: device address, length in bytes, and direction (RefRead, RefWrite).
type Ref struct {
	Addr  uint64
	Len   uint64
	Flags uint8
}

// AppendRef appends a range in its shorter form. The caller has checked that Addr+Len does not wrap around.
func AppendRef(b []byte, r Ref) []byte {
	if r.Addr <= math.MaxUint32 && r.Len <= math.MaxUint32 && r.Addr+r.Len <= 1<<32 {
		b = append(b, 0xc7, refShortBody, RefType, r.Flags)
		b = binary.BigEndian.AppendUint32(b, uint32(r.Addr))
		return binary.BigEndian.AppendUint32(b, uint32(r.Len))
	}
	b = append(b, 0xc7, refWideBody, RefType, r.Flags|refWide)
	b = binary.BigEndian.AppendUint64(b, r.Addr)
	return binary.BigEndian.AppendUint64(b, r.Len)
}

func parseRef(body []byte) (Ref, error) {
	var r Ref
	switch {
	case len(body) == refShortBody && body[0]&refWide == 0:
		r = Ref{Addr: uint64(binary.BigEndian.Uint32(body[1:])), Len: uint64(binary.BigEndian.Uint32(body[5:])), Flags: body[0]}
		if r.Addr+r.Len > 1<<32 {
			return Ref{}, errRefWraps
		}
	case len(body) == refWideBody && body[0]&refWide != 0:
		r = Ref{Addr: binary.BigEndian.Uint64(body[1:]), Len: binary.BigEndian.Uint64(body[9:]), Flags: body[0] &^ refWide}
		if end := r.Addr + r.Len; end < r.Addr && end != 0 {
			return Ref{}, errRefWraps
		}
	default:
		return Ref{}, errRefLength
	}
	if r.Flags&^(RefRead|RefWrite) != 0 || r.Flags == 0 {
		return Ref{}, errRefFlags
	}
	return r, nil
}
