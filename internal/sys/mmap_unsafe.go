// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Prot is the access that a mapping allows.
type Prot int

const (
	ProtNone      Prot = unix.PROT_NONE
	ProtRead      Prot = unix.PROT_READ
	ProtReadWrite Prot = unix.PROT_READ | unix.PROT_WRITE
)

// Mmap maps size bytes of f from its beginning, MAP_SHARED.
func Mmap(f *FD, size int64, prot Prot) ([]byte, error) {
	var b []byte
	err := f.Borrow(func(raw int) (err error) {
		b, err = mmap(raw, size, int(prot), unix.MAP_SHARED)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes of %s: %w", size, f.name, err)
	}
	return b, nil
}

// MmapAnon maps size bytes of zeroed private memory. MAP_NORESERVE: pages that nobody touches cost nothing.
func MmapAnon(size int64) ([]byte, error) {
	b, err := mmap(-1, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes of anonymous memory: %w", size, err)
	}
	return b, nil
}

func mmap(raw int, size int64, prot, flags int) ([]byte, error) {
	if size <= 0 {
		return nil, unix.EINVAL
	}
	if size > math.MaxInt-int64(unix.Getpagesize()) {
		return nil, unix.ENOMEM
	}
	p, err := unix.MmapPtr(raw, 0, nil, uintptr(size), prot, flags)
	if err != nil {
		return nil, err
	}
	b := unsafe.Slice((*byte)(p), int(size))
	if t := tracker.Load(); t != nil {
		t.mapped(uintptr(p), size)
	}
	return b, nil
}

// Munmap takes a slice that Mmap or MmapAnon returned, whole.
func Munmap(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	// The tracker forgets it first: once unmapped, the address may be somebody else's mapping at any time.
	if t := tracker.Load(); t != nil {
		t.unmapped(uintptr(p))
	}
	if err := unix.MunmapPtr(p, uintptr(len(b))); err != nil {
		return fmt.Errorf("unmapping %d bytes at %#x: %w", len(b), uintptr(p), err)
	}
	return nil
}

// Mprotect changes what a mapping allows.
func Mprotect(b []byte, prot Prot) error {
	if err := again(func() error { return unix.Mprotect(b, int(prot)) }); err != nil {
		return fmt.Errorf("protecting %d bytes at %#x: %w", len(b), Address(b), err)
	}
	return nil
}

// Address is the address of the first byte of a mapping.
func Address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
