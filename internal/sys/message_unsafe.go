// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadNow is read(2) on a non-blocking descriptor that the caller owns, without telling Go's scheduler: a call that
// cannot sleep does not need the hand-over, which costs as much as a whole round trip to a remote processor. The error is
// a bare errno. A message of no bytes is 0, nil.
func ReadNow(raw int, p []byte) (int, error) { return now(unix.SYS_READ, raw, p) }

// WriteNow is write(2) in the same way.
func WriteNow(raw int, p []byte) (int, error) { return now(unix.SYS_WRITE, raw, p) }

func now(call uintptr, raw int, p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall(call, uintptr(raw), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if e == 0 {
			return int(n), nil
		}
		if e != unix.EINTR {
			return 0, result(e)
		}
	}
}
