// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MemfdConfig describes a memory file. The zero value is an empty one.
type MemfdConfig struct {
	Size int64
	// HugeShift asks for hugetlb pages of 1<<HugeShift bytes; Size must then be a multiple of them.
	HugeShift int
	// Seals are applied after sizing.
	Seals Seals
}

// Seals are the F_SEAL flags.
type Seals int

const (
	SealSeal        Seals = unix.F_SEAL_SEAL
	SealShrink      Seals = unix.F_SEAL_SHRINK
	SealGrow        Seals = unix.F_SEAL_GROW
	SealWrite       Seals = unix.F_SEAL_WRITE
	SealFutureWrite Seals = unix.F_SEAL_FUTURE_WRITE
)

// Memfd makes a memory file.
func Memfd(name string, c MemfdConfig) (*FD, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	if c.HugeShift != 0 {
		flags |= unix.MFD_HUGETLB | c.HugeShift<<unix.MFD_HUGE_SHIFT
	}
	if c.Size < 0 {
		return nil, fmt.Errorf("memfd %q of %d bytes: %w", name, c.Size, unix.EINVAL)
	}
	raw, err := unix.MemfdCreate(name, flags)
	if err != nil {
		return nil, fmt.Errorf("memfd %q: %w", name, err)
	}
	f := Own(raw, "memfd:"+name)
	if err := unix.Ftruncate(raw, c.Size); err != nil {
		f.Close()
		return nil, fmt.Errorf("memfd %q of %d bytes: %w", name, c.Size, err)
	}
	if c.Seals != 0 {
		if err := f.AddSeals(c.Seals); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// AddSeals is F_ADD_SEALS.
func (f *FD) AddSeals(s Seals) error {
	err := f.Borrow(func(raw int) error {
		_, err := unix.FcntlInt(uintptr(raw), unix.F_ADD_SEALS, int(s))
		return err
	})
	if err != nil {
		return fmt.Errorf("sealing %s: %w", f.name, err)
	}
	return nil
}

// Seals is F_GET_SEALS. A file that cannot be sealed gives EINVAL.
func (f *FD) Seals() (s Seals, err error) {
	err = f.Borrow(func(raw int) (err error) { s, err = SealsOf(raw); return err })
	return s, err
}

// SealsOf is Seals for a descriptor that is borrowed from somebody else.
func SealsOf(raw int) (Seals, error) {
	s, err := unix.FcntlInt(uintptr(raw), unix.F_GET_SEALS, 0)
	if err != nil {
		return 0, fmt.Errorf("seals of descriptor %d: %w", raw, err)
	}
	return Seals(s), nil
}
