// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"os"

	"github.com/offload-runtime/offload/dmabuf"
)

// Region is memory that belongs to one heap. A heap may have several.
type Region struct {
	Heap     string // the kernel's name
	Phys     PhysAddr
	Size     uint64
	Uncached bool // the heap's CPU mappings are not cached
}

func (r Region) String() string {
	return fmt.Sprintf("%s at physical %#x-%#x", r.Heap, uint64(r.Phys), uint64(r.Phys)+(r.Size-1))
}

func checkRegions(list []Region) error {
	for _, r := range list {
		if r.Size == 0 || uint64(r.Phys)+(r.Size-1) < uint64(r.Phys) {
			return fmt.Errorf("region of heap %q: %#x bytes at physical %v: %w", r.Heap, r.Size, r.Phys, os.ErrInvalid)
		}
	}
	return nil
}

// Static knows addresses from the board's description: the buffer that takes up the whole region of its heap lies at its
// beginning. That is the one big buffer with offsets inside of TI's examples (SharedRegion); of a smaller buffer nobody
// outside the kernel knows where in the region it lies.
//
// No attachment is made. Then SYNC does nothing, and the address is given only where none is needed: the processor sees the
// CPU's caches, or the heap's mappings are uncached.
type Static struct {
	regions  []Region
	coherent bool
}

// NewStatic checks the regions. coherent says that the processor sees the CPU's caches.
func NewStatic(coherent bool, regions ...Region) (*Static, error) {
	if err := checkRegions(regions); err != nil {
		return nil, fmt.Errorf("static addresses: %w", err)
	}
	return &Static{regions: append([]Region(nil), regions...), coherent: coherent}, nil
}

// Name is "static".
func (s *Static) Name() string { return "static" }

// Translate returns ErrNoAttachment where the address is known and of no use.
func (s *Static) Translate(b *dmabuf.Buffer) (Result, error) {
	return whole(b, s.regions, s.coherent)
}

func whole(b *dmabuf.Buffer, regions []Region, coherent bool) (Result, error) {
	for _, r := range regions {
		switch {
		case r.Heap != b.Heap():
		case r.Size != uint64(b.Size()):
			return Result{}, fmt.Errorf("%v is larger or smaller than the buffer's %d bytes, so that its place there is unknown: %w",
				r, b.Size(), errors.ErrUnsupported)
		case !coherent && !r.Uncached:
			return Result{}, fmt.Errorf("%v: %w: declare the processor coherent or the heap uncached if that is what they are", r, ErrNoAttachment)
		default:
			return Result{Phys: r.Phys, Size: r.Size, Uncached: r.Uncached}, nil
		}
	}
	return Result{}, fmt.Errorf("heap %q has no region: %w", b.Heap(), errors.ErrUnsupported)
}
