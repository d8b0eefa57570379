// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/internal/uapi"
)

// Ioctl issues req with arg and returns its value. A wrong structure for a number does not compile. The error is the bare
// errno, or wraps os.ErrClosed; the caller knows what was asked.
func Ioctl[T any](f *FD, req uapi.Ioctl[T], arg *T) (int, error) {
	return f.ioctl(uintptr(req), unsafe.Pointer(arg))
}

// IoctlNone issues an ioctl without argument.
func IoctlNone(f *FD, req uapi.Command) (int, error) { return f.ioctl(uintptr(req), nil) }

// IoctlValue issues an ioctl that takes its argument by value.
func IoctlValue(f *FD, req uapi.ValueIoctl, value int) (int, error) {
	return f.ioctlValue(uintptr(req), uintptr(value))
}

// IoctlNoneOn is IoctlNone on a descriptor that is borrowed from somebody else.
func IoctlNoneOn(raw int, req uapi.Command) error {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(raw), uintptr(req), 0)
	return result(e)
}

func (f *FD) ioctl(req uintptr, arg unsafe.Pointer) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.raw < 0 {
		return -1, fmt.Errorf("%s: %w", f.name, os.ErrClosed)
	}
	for {
		v, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(f.raw), req, uintptr(arg))
		if e != unix.EINTR {
			return int(v), result(e)
		}
	}
}

func (f *FD) ioctlValue(req, value uintptr) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.raw < 0 {
		return -1, fmt.Errorf("%s: %w", f.name, os.ErrClosed)
	}
	for {
		v, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(f.raw), req, value)
		if e != unix.EINTR {
			return int(v), result(e)
		}
	}
}
