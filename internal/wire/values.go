// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"

	"github.com/vmihailenco/msgpack/v5"
)

// Type is the type of a value.
type Type uint8

// The types of values. An integer that is not negative is TypeUint, whatever form it came in.
const (
	TypeNone Type = iota // no more values
	TypeNil
	TypeBool
	TypeUint
	TypeInt // negative
	TypeFloat
	TypeStr
	TypeBin
	TypeArray
	TypeMap
	TypeRef
	TypeExt
)

func (t Type) String() string {
	return [...]string{"nothing", "nil", "boolean", "unsigned integer", "negative integer", "float", "string", "bytes", "array",
		"map", "buffer", "extension"}[t]
}

// Values walks over a sequence of checked values. The zero value is empty. A method that returns an error does not move.
type Values struct {
	raw []byte
	n   int
}

// Len is the number of values left.
func (v *Values) Len() int { return v.n }

// Type tells the type of the next value.
func (v *Values) Type() Type {
	if v.n == 0 || len(v.raw) == 0 {
		return TypeNone
	}
	switch c := v.raw[0]; {
	case c < 0x80:
		return TypeUint
	case c >= 0xe0:
		return TypeInt
	case c < 0x90, c == 0xde, c == 0xdf:
		return TypeMap
	case c < 0xa0, c == 0xdc, c == 0xdd:
		return TypeArray
	case c < 0xc0, c >= 0xd9 && c <= 0xdb:
		return TypeStr
	case c == 0xc0:
		return TypeNil
	case c == 0xc2, c == 0xc3:
		return TypeBool
	case c >= 0xc4 && c <= 0xc6:
		return TypeBin
	case c == 0xca, c == 0xcb:
		return TypeFloat
	case c >= 0xcc && c <= 0xcf:
		return TypeUint
	case c >= 0xd0 && c <= 0xd3:
		if len(v.raw) > 1 && v.raw[1] < 0x80 {
			return TypeUint
		}
		return TypeInt
	}
	if f, err := scan(v.raw); err == nil && v.raw[f.head-1] == RefType {
		return TypeRef
	}
	return TypeExt
}

// next splits off a value without nested ones.
func (v *Values) next() (head byte, body []byte, f form, err error) {
	if v.n == 0 {
		return 0, nil, form{}, errEnd
	}
	f, err = scan(v.raw)
	if err != nil {
		return 0, nil, form{}, err
	}
	return v.raw[0], v.raw[f.head : f.head+f.body], f, nil
}

func (v *Values) advance(n int) {
	v.raw = v.raw[n:]
	v.n--
}

// Uint reads an integer that is not negative.
func (v *Values) Uint() (uint64, error) {
	c, body, f, err := v.next()
	if err != nil {
		return 0, err
	}
	var u uint64
	switch {
	case c < 0x80:
		u = uint64(c)
	case c >= 0xe0:
		return 0, errRange
	case c >= 0xcc && c <= 0xcf:
		u, _ = uintAt(body, 0, len(body))
	case c >= 0xd0 && c <= 0xd3:
		s := signed(body)
		if s < 0 {
			return 0, errRange
		}
		u = uint64(s)
	default:
		return 0, errType
	}
	v.advance(f.head + f.body)
	return u, nil
}

// Int reads an integer.
func (v *Values) Int() (int64, error) {
	c, body, f, err := v.next()
	if err != nil {
		return 0, err
	}
	var s int64
	switch {
	case c < 0x80 || c >= 0xe0:
		s = int64(int8(c))
	case c >= 0xcc && c <= 0xcf:
		u, _ := uintAt(body, 0, len(body))
		if u > math.MaxInt64 {
			return 0, errRange
		}
		s = int64(u)
	case c >= 0xd0 && c <= 0xd3:
		s = signed(body)
	default:
		return 0, errType
	}
	v.advance(f.head + f.body)
	return s, nil
}

func signed(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

// Float reads a float, or an integer as one.
func (v *Values) Float() (float64, error) {
	switch v.Type() {
	case TypeUint:
		u, err := v.Uint()
		return float64(u), err
	case TypeInt:
		i, err := v.Int()
		return float64(i), err
	}
	c, body, f, err := v.next()
	if err != nil {
		return 0, err
	}
	var x float64
	switch c {
	case 0xca:
		x = float64(math.Float32frombits(binary.BigEndian.Uint32(body)))
	case 0xcb:
		x = math.Float64frombits(binary.BigEndian.Uint64(body))
	default:
		return 0, errType
	}
	v.advance(f.head + f.body)
	return x, nil
}

// Bool reads a boolean.
func (v *Values) Bool() (bool, error) {
	c, _, f, err := v.next()
	if err != nil {
		return false, err
	}
	if c != 0xc2 && c != 0xc3 {
		return false, errType
	}
	v.advance(f.head)
	return c == 0xc3, nil
}

// Nil reads nil.
func (v *Values) Nil() error {
	c, _, f, err := v.next()
	if err != nil {
		return err
	}
	if c != 0xc0 {
		return errType
	}
	v.advance(f.head)
	return nil
}

// Str reads a string. The bytes lie in the payload and need not be UTF-8.
func (v *Values) Str() ([]byte, error) { return v.bytes(TypeStr) }

// Bin reads a byte string. The bytes lie in the payload.
func (v *Values) Bin() ([]byte, error) { return v.bytes(TypeBin) }

func (v *Values) bytes(t Type) ([]byte, error) {
	_, body, f, err := v.next()
	if err != nil {
		return nil, err
	}
	if v.Type() != t {
		return nil, errType
	}
	v.advance(f.head + f.body)
	return body, nil
}

// Ref reads a range of a buffer.
func (v *Values) Ref() (Ref, error) {
	_, body, f, err := v.next()
	if err != nil {
		return Ref{}, err
	}
	if v.Type() != TypeRef {
		return Ref{}, errType
	}
	r, err := parseRef(body)
	if err != nil {
		return Ref{}, err
	}
	v.advance(f.head + f.body)
	return r, nil
}

// Array reads the head of an array and returns its elements.
func (v *Values) Array() (Values, error) {
	_, _, f, err := v.next()
	if err != nil {
		return Values{}, err
	}
	if v.Type() != TypeArray {
		return Values{}, errType
	}
	n, err := skip(v.raw, MaxDepth)
	if err != nil {
		return Values{}, err
	}
	a := Values{raw: v.raw[f.head:n], n: int(f.nested)}
	v.advance(n)
	return a, nil
}

// Raw reads one value of any type and returns its encoding.
func (v *Values) Raw() ([]byte, error) {
	if v.n == 0 {
		return nil, errEnd
	}
	n, err := skip(v.raw, MaxDepth)
	if err != nil {
		return nil, err
	}
	raw := v.raw[:n:n]
	v.advance(n)
	return raw, nil
}

// Skip passes over one value.
func (v *Values) Skip() error {
	_, err := v.Raw()
	return err
}

// Decode reads one value into what dst points to, by the rules of msgpack.Unmarshal.
func (v *Values) Decode(dst any) error {
	w := *v
	raw, err := w.Raw()
	if err != nil {
		return err
	}
	if err := msgpack.Unmarshal(raw, dst); err != nil {
		return err
	}
	*v = w
	return nil
}

// NewValues returns n values from bytes that Raw returned.
func NewValues(raw []byte, n int) Values { return Values{raw: raw, n: n} }
