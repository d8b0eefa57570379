// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"fmt"
	"os"
	"unsafe"
)

// number is what a typed view may hold: the types whose every bit pattern is a value, of the same size on both sides.
type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// ViewAs is View with the buffer seen as numbers in the CPU's byte order. A buffer whose size is not a whole number of
// them is refused, as nobody could tell what its last bytes are.
func ViewAs[T number](b *Buffer, a Access, f func([]T) error) error {
	return b.View(a, func(p []byte) error {
		var zero T
		size := int(unsafe.Sizeof(zero))
		if len(p)%size != 0 {
			return fmt.Errorf("%v: viewing %d bytes as %T: %d bytes remain: %w", b, len(p), zero, len(p)%size, os.ErrInvalid)
		}
		first := unsafe.Pointer(unsafe.SliceData(p))
		if uintptr(first)%unsafe.Alignof(zero) != 0 {
			return fmt.Errorf("%v: viewing as %T: mapped at %#x, which is not aligned to %d bytes: %w",
				b, zero, uintptr(first), unsafe.Alignof(zero), os.ErrInvalid)
		}
		n := len(p) / size
		return f(unsafe.Slice((*T)(first), n)[:n:n])
	})
}
