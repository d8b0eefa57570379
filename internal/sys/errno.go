// SPDX-License-Identifier: Apache-2.0

package sys

import "golang.org/x/sys/unix"

// result turns the errno of a raw system call into an error. It is the only place that does, because an Errno of 0 in an
// error variable is not nil.
func result(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

// again repeats a call that a signal interrupted before it did anything.
func again(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
