// SPDX-License-Identifier: Apache-2.0

package runtime

import "unsafe"

// address returns the CPU address of the first byte of p, whose capacity is not zero.
func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }
