// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
)

var (
	// ErrInvalid is wrapped by every error of this package about bytes from the other side.
	ErrInvalid = errors.New("invalid message")

	errShort     = invalid("a length reaches past the payload")
	errDepth     = invalid("nested too deeply")
	errReserved  = invalid("byte c1")
	errRefLength = invalid("buffer range of wrong length")
	errRefWraps  = invalid("buffer range wraps around")
	errRefFlags  = invalid("buffer range with wrong flags")
	errType      = invalid("value of another type")
	errRange     = invalid("number out of range")
	errEnd       = invalid("no more values")
	errKind      = invalid("neither request, response nor notification")
	errCount     = invalid("wrong number of elements")
	errMethod    = invalid("method is neither a number nor a string of 1 to 32 bytes")
)

type invalidError string

func invalid(s string) error         { return invalidError(s) }
func (e invalidError) Error() string { return "invalid message: " + string(e) }
func (invalidError) Is(t error) bool { return t == ErrInvalid }

// form is what the first bytes of a value say: the bytes of its head, of its body, and how many values nest in it.
type form struct {
	head, body int
	nested     uint64
}

// scan reads the head of the value at b[0].
func scan(b []byte) (form, error) {
	if len(b) == 0 {
		return form{}, errShort
	}
	c := b[0]
	switch {
	case c < 0x80 || c >= 0xe0:
		return form{head: 1}, nil
	case c < 0x90:
		return form{head: 1, nested: 2 * uint64(c&15)}, nil
	case c < 0xa0:
		return form{head: 1, nested: uint64(c & 15)}, nil
	case c < 0xc0:
		return sized(b, 1, uint64(c&31))
	}
	switch c {
	case 0xc0, 0xc2, 0xc3:
		return form{head: 1}, nil
	case 0xc4, 0xd9:
		return counted(b, 1, 0)
	case 0xc5, 0xda:
		return counted(b, 2, 0)
	case 0xc6, 0xdb:
		return counted(b, 4, 0)
	case 0xc7:
		return counted(b, 1, 1)
	case 0xc8:
		return counted(b, 2, 1)
	case 0xc9:
		return counted(b, 4, 1)
	case 0xca, 0xce, 0xd2:
		return sized(b, 1, 4)
	case 0xcb, 0xcf, 0xd3:
		return sized(b, 1, 8)
	case 0xcc, 0xd0:
		return sized(b, 1, 1)
	case 0xcd, 0xd1:
		return sized(b, 1, 2)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return sized(b, 2, 1<<(c-0xd4))
	case 0xdc, 0xdd, 0xde, 0xdf:
		width := 2 << (c & 1)
		n, ok := uintAt(b, 1, width)
		if !ok {
			return form{}, errShort
		}
		if c >= 0xde {
			n *= 2
		}
		return form{head: 1 + width, nested: n}, nil
	}
	return form{}, errReserved
}

// counted is a value whose length follows its first byte in width bytes, then extra bytes of head (an extension's type).
func counted(b []byte, width, extra int) (form, error) {
	n, ok := uintAt(b, 1, width)
	if !ok {
		return form{}, errShort
	}
	return sized(b, 1+width+extra, n)
}

func sized(b []byte, head int, body uint64) (form, error) {
	if len(b) < head || body > uint64(len(b)-head) {
		return form{}, errShort
	}
	return form{head: head, body: int(body)}, nil
}

func uintAt(b []byte, off, width int) (uint64, bool) {
	if len(b) < off+width {
		return 0, false
	}
	switch width {
	case 1:
		return uint64(b[off]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(b[off:])), true
	case 4:
		return uint64(binary.BigEndian.Uint32(b[off:])), true
	}
	return binary.BigEndian.Uint64(b[off:]), true
}

// skip returns the length of the whole value at b[0], which may nest depth levels.
func skip(b []byte, depth int) (int, error) {
	var open [MaxDepth + 1]uint64 // values still to come on each level
	level, pos := 0, 0
	open[0] = 1
	for {
		for open[level] == 0 {
			if level == 0 {
				return pos, nil
			}
			level--
		}
		open[level]--
		f, err := scan(b[pos:])
		if err != nil {
			return 0, err
		}
		isExt := b[pos] >= 0xc7 && b[pos] <= 0xc9 || b[pos] >= 0xd4 && b[pos] <= 0xd8
		if isExt && b[pos+f.head-1] == RefType {
			if _, err := parseRef(b[pos+f.head : pos+f.head+f.body]); err != nil {
				return 0, err
			}
		}
		pos += f.head + f.body
		if container(b[pos-f.head-f.body]) {
			if level++; level > depth {
				return 0, errDepth
			}
			// Each value takes at least one byte, so a count beyond what is left is a lie.
			if f.nested > uint64(len(b)-pos) {
				return 0, errShort
			}
			open[level] = f.nested
		}
	}
}

func container(c byte) bool { return c >= 0x80 && c < 0xa0 || c >= 0xdc && c <= 0xdf }
