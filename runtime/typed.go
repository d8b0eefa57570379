// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"math"
	"os"
	"reflect"

	"github.com/offload-runtime/offload/internal/wire"
)

// Call is Session.Call with the result as a value of type R instead of behind a pointer.
//
//	crc, err := runtime.Call[uint32](ctx, dsp, "crc32c", buf.In())
//
// A result that R cannot hold exactly (another type, a number out of range) is an error that wraps ErrProtocol. With an
// error the value is always the zero R. Where R is struct{} any result is ignored; where R is a pointer, nil is nil; where
// it is a structure or a map, the rules of msgpack.Unmarshal decide.
func Call[R any](ctx context.Context, s *Session, method string, args ...any) (R, error) {
	var r, zero R
	if s == nil {
		return zero, fmt.Errorf("method %q: no session: %w", method, os.ErrInvalid)
	}
	var dst any = &r
	if _, nothing := dst.(*struct{}); nothing {
		dst = nil
	}
	if err := s.Call(ctx, method, dst, args...); err != nil {
		return zero, err
	}
	return r, nil
}

// Method binds a method of a session's firmware to a function. It is looked up when it is called, so the function stays good
// when the processor restarts, even with another firmware.
//
//	crc32c := runtime.Method[uint32](dsp, "crc32c")
//	crc, err := crc32c(ctx, buf.In())
func Method[R any](s *Session, name string) func(ctx context.Context, args ...any) (R, error) {
	return func(ctx context.Context, args ...any) (R, error) { return Call[R](ctx, s, name, args...) }
}

// Narrow is the range for a parameter of direction d: the same range with that direction only. A range that was not given for
// it is an error that wraps ErrBadArguments.
func (r Ref) Narrow(d Direction) (Ref, error) {
	if d == 0 || r.Dir&d != d {
		return Ref{}, fmt.Errorf("a range of %v is given as %v and wanted as %v: %w", r.Buffer, r.Dir, d, ErrBadArguments)
	}
	r.Dir = d
	return r, nil
}

// decodeKind stores a value in a variable whose type has a name (type Level uint8), a float32, or a slice or array of such.
// msgpack.Unmarshal would cut numbers that are out of range. Everything else is left to it.
func decodeKind(v *wire.Values, dst any) error {
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return v.Decode(dst)
	}
	if _, own := dst.(interface{ UnmarshalMsgpack([]byte) error }); own {
		return v.Decode(dst)
	}
	e := p.Elem()
	switch k := e.Kind(); k {
	case reflect.Bool:
		x, err := v.Bool()
		if err == nil {
			e.SetBool(x)
		}
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		bits := e.Type().Bits()
		var x int64
		err := decodeInt(v, &x, math.MinInt64>>(64-bits), math.MaxInt64>>(64-bits))
		if err == nil {
			e.SetInt(x)
		}
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var x uint64
		err := decodeUint(v, &x, math.MaxUint64>>(64-e.Type().Bits()))
		if err == nil {
			e.SetUint(x)
		}
		return err
	case reflect.Float32, reflect.Float64:
		w := *v
		x, err := w.Float()
		if err == nil && e.OverflowFloat(x) {
			err = fmt.Errorf("%g is out of range", x)
		}
		if err == nil {
			e.SetFloat(x)
			*v = w
		}
		return err
	case reflect.String:
		x, err := v.Str()
		if err == nil {
			e.SetString(string(x))
		}
		return err
	case reflect.Slice, reflect.Array:
		if v.Type() != wire.TypeArray {
			return v.Decode(dst)
		}
		return decodeElements(v, e)
	}
	return v.Decode(dst)
}

func decodeElements(v *wire.Values, e reflect.Value) error {
	w := *v
	list, err := w.Array()
	if err != nil {
		return err
	}
	n := list.Len()
	fresh := reflect.New(e.Type()).Elem()
	if e.Kind() == reflect.Slice {
		fresh = reflect.MakeSlice(e.Type(), n, n)
	} else if n != e.Len() {
		return fmt.Errorf("an array of %d elements, not of %d", n, e.Len())
	}
	for i := range n {
		if err := decodeValue(&list, fresh.Index(i).Addr().Interface()); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	e.Set(fresh)
	*v = w
	return nil
}
