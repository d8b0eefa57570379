// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"syscall"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
)

// translator tells physical addresses and attaches the processor, as the kernel interfaces with an attachment do.
type translator struct{ p *Processor }

// Name implements bufmap.Translator.
func (translator) Name() string { return "sim" }

// Translate implements bufmap.Translator.
func (t translator) Translate(d *dmabuf.Buffer) (bufmap.Result, error) {
	b := t.p.board
	n, err := b.lookup(d)
	if err != nil {
		return bufmap.Result{}, err
	}
	if b.faults.takeAttach(t.p.cfg.Name) {
		return bufmap.Result{}, fmt.Errorf("attaching to %s (an injected fault): %w", t.p.cfg.Name, syscall.ENOMEM)
	}
	first := n.extent[0]
	if !n.contiguous() {
		return bufmap.Result{}, fmt.Errorf("%w: %d parts of %d bytes, the first at physical %#x, the second at %#x",
			bufmap.ErrNotContiguous, len(n.extent), first.size, first.addr, n.extent[1].addr)
	}
	a, err := n.attach(t.p.cfg.Coherent)
	if err != nil {
		return bufmap.Result{}, err
	}
	return bufmap.Result{Phys: bufmap.PhysAddr(first.addr), Size: first.size, Provenance: "sim", Attachment: a}, nil
}
