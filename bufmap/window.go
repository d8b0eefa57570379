// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Window is one range of physical addresses that a processor sees at device addresses of its own. Size is in bytes.
type Window struct {
	Name   string
	Phys   PhysAddr
	Device DeviceAddr
	Size   uint64
}

func (w Window) String() string {
	return fmt.Sprintf("%s: physical %#x-%#x at device %#x-%#x", w.Name,
		uint64(w.Phys), uint64(w.Phys)+w.Size-1, uint64(w.Device), uint64(w.Device)+w.Size-1)
}

// Windows is the address map of one processor: its windows and how many address bits it has. It is immutable.
type Windows struct {
	bits int
	list []Window // by physical address, disjoint there
}

// NewWindows checks and sorts the windows of a processor with the given number of address bits, 1 to 64. Windows must not
// be empty, wrap around, reach beyond the address bits, or overlap on the physical or on the device side.
func NewWindows(addressBits int, list ...Window) (Windows, error) {
	if addressBits < 1 || addressBits > 64 {
		return Windows{}, fmt.Errorf("windows: %d address bits, want 1 to 64", addressBits)
	}
	s := slices.Clone(list)
	for _, w := range s {
		if w.Size == 0 {
			return Windows{}, fmt.Errorf("window %q at physical %v: size 0", w.Name, w.Phys)
		}
		if uint64(w.Phys)+(w.Size-1) < uint64(w.Phys) || uint64(w.Device)+(w.Size-1) < uint64(w.Device) {
			return Windows{}, fmt.Errorf("window %q: size %#x wraps around (physical %v, device %v)", w.Name, w.Size, w.Phys, w.Device)
		}
		if last := uint64(w.Device) + (w.Size - 1); bits.Len64(last) > addressBits {
			return Windows{}, fmt.Errorf("window %q ends at device %#x: %w (%d)", w.Name, last, ErrReach, addressBits)
		}
	}
	slices.SortFunc(s, func(a, b Window) int { return compare(a.Device, b.Device) })
	for i := 1; i < len(s); i++ {
		if p := s[i-1]; uint64(p.Device)+(p.Size-1) >= uint64(s[i].Device) {
			return Windows{}, fmt.Errorf("windows overlap in device addresses: %v and %v", p, s[i])
		}
	}
	slices.SortFunc(s, func(a, b Window) int { return compare(a.Phys, b.Phys) })
	for i := 1; i < len(s); i++ {
		if p := s[i-1]; uint64(p.Phys)+(p.Size-1) >= uint64(s[i].Phys) {
			return Windows{}, fmt.Errorf("windows overlap in physical addresses: %v and %v", p, s[i])
		}
	}
	return Windows{bits: addressBits, list: s}, nil
}

// Identity is the address map of a processor that sees physical addresses as they are.
func Identity(addressBits int) (Windows, error) {
	size := uint64(1) << min(addressBits, 63)
	list := []Window{{Name: "identity", Size: size}}
	if addressBits == 64 {
		list = append(list, Window{Name: "identity-high", Phys: 1 << 63, Device: 1 << 63, Size: size})
	}
	return NewWindows(addressBits, list...)
}

func compare[T ~uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// AddressBits is the width of the processor's addresses.
func (w Windows) AddressBits() int { return w.bits }

// List returns the windows by physical address.
func (w Windows) List() []Window { return slices.Clone(w.list) }

// Device returns where the processor sees the size bytes from p. The whole range must lie in one window. This is the only
// place where a physical address becomes a device address.
func (w Windows) Device(p PhysAddr, size uint64) (DeviceAddr, error) {
	for _, v := range w.list {
		if off := uint64(p) - uint64(v.Phys); p >= v.Phys && off < v.Size && size <= v.Size-off {
			return v.Device + DeviceAddr(off), nil
		}
	}
	return 0, fmt.Errorf("physical %#x, %d bytes: %w; windows: %s", uint64(p), size, ErrNoWindow, w)
}

func (w Windows) String() string {
	if len(w.list) == 0 {
		return "none"
	}
	s := make([]string, len(w.list))
	for i, v := range w.list {
		s[i] = v.String()
	}
	return strings.Join(s, "; ")
}
