// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"math/bits"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/wire"
)

// Args is the arguments of a call. The zero value is an empty list. An Args that is used again after Reset allocates nothing.
// It must not be used by two calls at once.
type Args struct {
	list []arg
	err  error
}

type arg struct {
	kind wire.Type
	num  uint64 // bits of a number or boolean
	str  string
	bin  []byte // TypeBin: the bytes; TypeNone: an encoded value
	ref  Ref
}

// Reset empties the list.
func (a *Args) Reset() *Args {
	clear(a.list)
	a.list, a.err = a.list[:0], nil
	return a
}

// Len is the number of arguments.
func (a *Args) Len() int { return len(a.list) }

func (a *Args) add(v arg) *Args {
	a.list = append(a.list, v)
	return a
}

// Int appends an integer.
func (a *Args) Int(v int64) *Args { return a.add(arg{kind: wire.TypeInt, num: uint64(v)}) }

// Uint appends an integer.
func (a *Args) Uint(v uint64) *Args { return a.add(arg{kind: wire.TypeUint, num: v}) }

// Bool appends a boolean.
func (a *Args) Bool(v bool) *Args {
	n := uint64(0)
	if v {
		n = 1
	}
	return a.add(arg{kind: wire.TypeBool, num: n})
}

// Float appends a double.
func (a *Args) Float(v float64) *Args { return a.add(arg{kind: wire.TypeFloat, num: floatBits(v)}) }

// String appends a string.
func (a *Args) String(v string) *Args { return a.add(arg{kind: wire.TypeStr, str: v}) }

// Bytes appends a byte string, which must not change until the call returns. A string that does not fit into a message
// travels in a buffer that the call allocates and frees.
func (a *Args) Bytes(v []byte) *Args { return a.add(arg{kind: wire.TypeBin, bin: v}) }

// Nil appends nil.
func (a *Args) Nil() *Args { return a.add(arg{kind: wire.TypeNil}) }

// Ref appends a range of a buffer.
func (a *Args) Ref(r Ref) *Args { return a.add(arg{kind: wire.TypeRef, ref: r}) }

// Value appends a value of any type that MessagePack knows: slices, maps and structures by the rules of msgpack.Marshal.
func (a *Args) Value(v any) *Args {
	b, err := msgpack.Marshal(v)
	if err != nil {
		if a.err == nil {
			a.err = fmt.Errorf("argument %d of type %T: %w: %w", len(a.list), v, ErrBadArguments, err)
		}
		return a
	}
	return a.add(arg{kind: wire.TypeNone, bin: b})
}

// Add appends values of any types: numbers, booleans, strings, []byte, Ref, *Buffer (as InOut), nil, and whatever Value
// takes.
func (a *Args) Add(values ...any) *Args {
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			a.Nil()
		case bool:
			a.Bool(v)
		case int:
			a.Int(int64(v))
		case int8:
			a.Int(int64(v))
		case int16:
			a.Int(int64(v))
		case int32:
			a.Int(int64(v))
		case int64:
			a.Int(v)
		case uint:
			a.Uint(uint64(v))
		case uint8:
			a.Uint(uint64(v))
		case uint16:
			a.Uint(uint64(v))
		case uint32:
			a.Uint(uint64(v))
		case uint64:
			a.Uint(v)
		case float32:
			a.Float(float64(v))
		case float64:
			a.Float(v)
		case string:
			a.String(v)
		case []byte:
			a.Bytes(v)
		case Ref:
			a.Ref(v)
		case *Buffer:
			if v == nil {
				a.Nil()
			} else {
				a.Ref(v.InOut())
			}
		default:
			a.Value(v)
		}
	}
	return a
}

// append encodes the arguments. Every Ref has been acquired for p.
func (a *Args) append(b []byte, p *processor, addressBits int) ([]byte, error) {
	for i := range a.list {
		switch v := &a.list[i]; v.kind {
		case wire.TypeNil:
			b = wire.AppendNil(b)
		case wire.TypeBool:
			b = wire.AppendBool(b, v.num != 0)
		case wire.TypeInt:
			b = wire.AppendInt(b, int64(v.num))
		case wire.TypeUint:
			b = wire.AppendUint(b, v.num)
		case wire.TypeFloat:
			b = wire.AppendFloat64(b, floatFrom(v.num))
		case wire.TypeStr:
			b = wire.AppendStr(b, v.str)
		case wire.TypeBin:
			b = wire.AppendBin(b, v.bin)
		case wire.TypeRef:
			d, err := v.ref.Buffer.entry.Device(p.target, v.ref.Offset, v.ref.Length)
			if err != nil {
				return nil, err
			}
			if last := uint64(d) + uint64(max(v.ref.Length, 1)-1); bits.Len64(last) > addressBits {
				return nil, fmt.Errorf("%v at device %v: %w: the firmware says %d", v.ref.Buffer, d, bufmap.ErrReach, addressBits)
			}
			b = wire.AppendRef(b, wire.Ref{Addr: uint64(d), Len: uint64(v.ref.Length), Flags: uint8(v.ref.Dir)})
		default:
			b = append(b, v.bin...)
		}
	}
	return b, nil
}

// size is an upper bound of the encoded arguments in bytes.
func (a *Args) size() int {
	n := 0
	for i := range a.list {
		switch v := &a.list[i]; v.kind {
		case wire.TypeStr:
			n += 5 + len(v.str)
		case wire.TypeBin, wire.TypeNone:
			n += 5 + len(v.bin)
		case wire.TypeRef:
			n += wire.MaxRef
		default:
			n += 9
		}
	}
	return n
}
