// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
)

// AllocConfig says what to allocate, by the name of a heap, by needs, or both. Only Size is needed: without Heap and without
// needs the memory is of the runtime's DDR heap.
type AllocConfig struct {
	Size int64  // bytes, rounded up to whole pages
	Heap string // name or alias. It must meet the needs too
	Name string // label for people: errors, logs, the kernel's lists; it is also the owner for reuse and quotas

	// For are the processors that will use the buffer. It is attached to them at once, so that each has an address of it
	// in one of its windows and within its address bits.
	For        []string
	Contiguous bool // one range on the bus. Memory For processors always is, beyond a page
	CPU        CPUUse
	OnChip     OnChipUse
	Secure     bool  // memory that the CPU cannot map
	Align      int64 // of the address on the bus, a power of two. More than a page needs For
	// Fallback allows the next best heap where the best, or the named one, has no room.
	Fallback bool
	// Keep allows the buffer to begin with what the last buffer of the same Name left in it, instead of zeros. It saves the
	// zeroing of memory that is used again.
	Keep bool

	owner string // label for reuse and quotas; "" is Name
}

// CPUUse is what the CPU does with a buffer.
type CPUUse uint8

// What the CPU does. CPUReads prefers a cached mapping, CPUWrites one that is not, which needs no SYNC; CPUNever takes
// memory that the CPU cannot map, too.
const (
	CPUAny CPUUse = iota
	CPUReads
	CPUWrites
	CPUNever
)

func (u CPUUse) String() string {
	switch u {
	case CPUAny:
		return "any"
	case CPUReads:
		return "reads"
	case CPUWrites:
		return "writes"
	case CPUNever:
		return "never"
	}
	return fmt.Sprintf("CPU use(%d)", uint8(u))
}

// OnChipUse says whether on-chip memory is wanted. Without, a need never takes it: there is little of it.
type OnChipUse uint8

// OnChipPreferred takes other memory where the on-chip memory has no room, also without Fallback.
const (
	OnChipNo OnChipUse = iota
	OnChipPreferred
	OnChipRequired
)

func (u OnChipUse) String() string {
	switch u {
	case OnChipNo:
		return "no"
	case OnChipPreferred:
		return "preferred"
	case OnChipRequired:
		return "required"
	}
	return fmt.Sprintf("on-chip use(%d)", uint8(u))
}

// needs tells whether anything but heap and size is asked for.
func (c *AllocConfig) needs() bool {
	return len(c.For) > 0 || c.Contiguous || c.CPU != CPUAny || c.OnChip != OnChipNo || c.Secure || c.Align > 1 || c.Fallback
}

// resident is the page of all boards; alignment up to it costs nothing.
const resident = 4096

// check reports what no heap could meet.
func (c *AllocConfig) check() error {
	switch {
	case c.Size <= 0:
		return fmt.Errorf("size of %d bytes: %w", c.Size, os.ErrInvalid)
	case c.CPU > CPUNever:
		return fmt.Errorf("%v: %w", c.CPU, os.ErrInvalid)
	case c.OnChip > OnChipRequired:
		return fmt.Errorf("%v: %w", c.OnChip, os.ErrInvalid)
	case c.Align < 0 || bits.OnesCount64(uint64(c.Align)) > 1 || c.Align > 1<<30:
		return fmt.Errorf("alignment of %d bytes, want a power of two up to 1 GiB: %w", c.Align, os.ErrInvalid)
	case c.Align > resident && len(c.For) == 0:
		return fmt.Errorf("alignment of %d bytes for no processor: without one the address is not known; set For: %w", c.Align, os.ErrInvalid)
	case c.Secure && (c.CPU == CPUReads || c.CPU == CPUWrites):
		return fmt.Errorf("secure memory that the CPU %s: %w", c.CPU, os.ErrInvalid)
	}
	return nil
}

// targets finds the processors of For.
func (rt *Runtime) targets(names []string) ([]*processor, error) {
	var list []*processor
	for _, n := range names {
		p, err := rt.processor(n)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, nil
}
