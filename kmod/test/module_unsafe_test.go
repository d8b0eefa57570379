// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"os"
	"syscall"
	"unsafe"
)

func insmod(path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var none [1]byte
	_, _, e := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&image[0])), uintptr(len(image)),
		uintptr(unsafe.Pointer(&none)))
	if e != 0 {
		return e
	}
	return nil
}

func rmmod(name string) error {
	text, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, e := syscall.Syscall(syscall.SYS_DELETE_MODULE, uintptr(unsafe.Pointer(text)), syscall.O_NONBLOCK, 0); e != 0 {
		return e
	}
	return nil
}
