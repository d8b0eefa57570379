// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"
)

// AppendRequest appends the head of a request: nparams values must follow, and then, if timed, one AppendUint with the
// microseconds left.
func AppendRequest(b []byte, id uint32, m Method, nparams int, timed bool) []byte {
	head := byte(0x94)
	if timed {
		head = 0x95
	}
	b = append(b, head, byte(Request))
	b = AppendUint(b, uint64(id))
	b = appendMethod(b, m)
	return AppendArray(b, nparams)
}

// AppendResponse appends the head of a good response; one value must follow.
func AppendResponse(b []byte, id uint32) []byte {
	b = append(b, 0x94, byte(Response))
	b = AppendUint(b, uint64(id))
	return append(b, 0xc0)
}

// AppendError appends a whole error response. Text beyond MaxErrorText is cut.
func AppendError(b []byte, id uint32, code Code, text string) []byte {
	b = append(b, 0x94, byte(Response))
	b = AppendUint(b, uint64(id))
	b = append(b, 0x92)
	b = AppendUint(b, uint64(code))
	b = AppendStr(b, text[:min(len(text), MaxErrorText)])
	return append(b, 0xc0)
}

// AppendNotification appends the head of a notification; nparams values must follow.
func AppendNotification(b []byte, m Method, nparams int) []byte {
	b = append(b, 0x93, byte(Notification))
	b = appendMethod(b, m)
	return AppendArray(b, nparams)
}

func appendMethod(b []byte, m Method) []byte {
	if len(m.Name) > 0 {
		return appendStrBytes(b, m.Name)
	}
	return AppendUint(b, uint64(m.Num))
}

// AppendUint appends an integer in its shortest form.
func AppendUint(b []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, 0xcc, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
}

// AppendInt appends an integer in its shortest form.
func AppendInt(b []byte, v int64) []byte {
	switch {
	case v >= 0:
		return AppendUint(b, uint64(v))
	case v >= -32:
		return append(b, byte(v))
	case v >= math.MinInt8:
		return append(b, 0xd0, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
}

// AppendFloat64 appends a double.
func AppendFloat64(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(v))
}

// AppendFloat32 appends a float.
func AppendFloat32(b []byte, v float32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(v))
}

// AppendNil appends nil.
func AppendNil(b []byte) []byte { return append(b, 0xc0) }

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

// AppendStr appends a string.
func AppendStr(b []byte, s string) []byte { return append(appendStrHead(b, len(s)), s...) }

func appendStrBytes(b, s []byte) []byte { return append(appendStrHead(b, len(s)), s...) }

func appendStrHead(b []byte, n int) []byte {
	switch {
	case n < 32:
		return append(b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xd9, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
}

// AppendBin appends a byte string.
func AppendBin(b, p []byte) []byte {
	switch n := len(p); {
	case n <= math.MaxUint8:
		b = append(b, 0xc4, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xc6), uint32(n))
	}
	return append(b, p...)
}

// AppendArray appends the head of an array of n values.
func AppendArray(b []byte, n int) []byte {
	switch {
	case n < 16:
		return append(b, 0x90|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xdd), uint32(n))
}
