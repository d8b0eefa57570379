// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
)

// PhysAddr is an address as the bus sees it: what the kernel returns for a buffer.
type PhysAddr uint64

// DeviceAddr is an address as a processor sees it: what its load and store instructions use.
//
// The two are distinct types. Only Windows.Device turns one into the other.
type DeviceAddr uint64

func (a PhysAddr) String() string   { return fmt.Sprintf("%#x", uint64(a)) }
func (a DeviceAddr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

var (
	// ErrNoWindow is returned for a range that no window of the processor covers as a whole.
	ErrNoWindow = errors.New("no window of the processor covers the range")
	// ErrReach is returned for a range beyond the processor's address bits.
	ErrReach = errors.New("range beyond the processor's address bits")
	// ErrNotContiguous is returned for a buffer whose memory is not one contiguous range on the bus.
	ErrNotContiguous = errors.New("buffer is not contiguous")
	// ErrStale is returned for an address from before a restart of the processor.
	ErrStale = errors.New("address from before a restart of the processor")
	// ErrUnknownMemory is returned for an address outside the memory in which the buffer must lie, such as that of a bounce
	// buffer.
	ErrUnknownMemory = errors.New("address outside the heap's memory")
	// ErrNoAttachment is returned where an address is known but SYNC would do nothing for a processor that does not see
	// the CPU's caches.
	ErrNoAttachment = errors.New("no attachment, so that SYNC would do nothing")
	// ErrNoTranslator is returned when no translator can tell the address of a buffer.
	ErrNoTranslator = errors.New("no translator knows the address")
)
