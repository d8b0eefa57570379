// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// Known checks what another translator says against the memory of the heaps. Where a device's DMA mask does not reach the
// buffer, the kernel's answer is the address of a bounce buffer (swiotlb), which never holds what the CPU wrote.
type Known struct {
	Translator
	regions []Region
}

// NewKnown wraps t. Heaps without a region are not checked.
func NewKnown(t Translator, regions ...Region) (*Known, error) {
	if err := checkRegions(regions); err != nil {
		return nil, fmt.Errorf("known memory: %w", err)
	}
	return &Known{Translator: t, regions: append([]Region(nil), regions...)}, nil
}

// Translate returns ErrUnknownMemory for an address outside the regions of the buffer's heap.
func (k *Known) Translate(b *dmabuf.Buffer) (Result, error) {
	r, err := k.Translator.Translate(b)
	if err != nil {
		return r, err
	}
	checked := false
	for _, v := range k.regions {
		if v.Heap != b.Heap() {
			continue
		}
		checked = true
		off := uint64(r.Phys) - uint64(v.Phys)
		if r.Phys >= v.Phys && off < v.Size && uint64(b.Size()) <= v.Size-off {
			return r, nil
		}
	}
	if !checked {
		return r, nil
	}
	err = fmt.Errorf("physical %#x, %d bytes: %w %s (a bounce buffer, because the device's DMA mask does not reach the memory?)",
		uint64(r.Phys), b.Size(), ErrUnknownMemory, b.Heap())
	if r.Attachment != nil {
		err = errors.Join(err, r.Attachment.Close())
	}
	return Result{}, err
}
