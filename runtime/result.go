// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"math"

	"github.com/offload-runtime/offload/internal/wire"
)

func floatBits(v float64) uint64 { return math.Float64bits(v) }
func floatFrom(n uint64) float64 { return math.Float64frombits(n) }

// decode stores a result in what dst points to. nil ignores it. A *[]byte is reused if it has room.
func decode(v *wire.Values, dst any) error {
	err := decodeValue(v, dst)
	if err == nil {
		return nil
	}
	return fmt.Errorf("result of type %v into %T: %w: %w", v.Type(), dst, ErrProtocol, err)
}

func decodeValue(v *wire.Values, dst any) error {
	switch dst := dst.(type) {
	case nil:
		return nil
	case *bool:
		x, err := v.Bool()
		return store(dst, x, err)
	case *int:
		return decodeInt(v, dst, math.MinInt, math.MaxInt)
	case *int8:
		return decodeInt(v, dst, math.MinInt8, math.MaxInt8)
	case *int16:
		return decodeInt(v, dst, math.MinInt16, math.MaxInt16)
	case *int32:
		return decodeInt(v, dst, math.MinInt32, math.MaxInt32)
	case *int64:
		return decodeInt(v, dst, math.MinInt64, math.MaxInt64)
	case *uint:
		return decodeUint(v, dst, math.MaxUint)
	case *uint8:
		return decodeUint(v, dst, math.MaxUint8)
	case *uint16:
		return decodeUint(v, dst, math.MaxUint16)
	case *uint32:
		return decodeUint(v, dst, math.MaxUint32)
	case *uint64:
		return decodeUint(v, dst, math.MaxUint64)
	case *float64:
		x, err := v.Float()
		return store(dst, x, err)
	case *string:
		x, err := v.Str()
		return store(dst, string(x), err)
	case *[]byte:
		x, err := v.Bin()
		if err == nil {
			*dst = append((*dst)[:0], x...)
		}
		return err
	}
	return decodeKind(v, dst)
}

func store[T any](dst *T, x T, err error) error {
	if err == nil {
		*dst = x
	}
	return err
}

func decodeInt[T ~int | ~int8 | ~int16 | ~int32 | ~int64](v *wire.Values, dst *T, lo, hi int64) error {
	w := *v
	x, err := w.Int()
	if err == nil && (x < lo || x > hi) {
		err = fmt.Errorf("%d is out of range", x)
	}
	if err == nil {
		*v = w
	}
	return store(dst, T(x), err)
}

func decodeUint[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](v *wire.Values, dst *T, hi uint64) error {
	w := *v
	x, err := w.Uint()
	if err == nil && x > hi {
		err = fmt.Errorf("%d is out of range", x)
	}
	if err == nil {
		*v = w
	}
	return store(dst, T(x), err)
}
