// SPDX-License-Identifier: Apache-2.0

package functions

import "reflect"

// overlap says whether two slices share a byte. reflect tells addresses without unsafe, and pointers need no allocation.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return !(before(a, b) || before(b, a))
}

func before(a, b []byte) bool { return address(&a[len(a)-1]) < address(&b[0]) }

func address(p *byte) uintptr { return reflect.ValueOf(p).Pointer() }

// same says whether two slices are the same range.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
