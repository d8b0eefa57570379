// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"encoding/binary"
	"fmt"

	"github.com/offload-runtime/offload/bufmap"
)

// phys is what the processor's address decoder does: the physical address of n bytes, if one window holds them all.
func (p *Processor) phys(a bufmap.DeviceAddr, n uint64) (bufmap.PhysAddr, bool) {
	for i := range p.list {
		w := &p.list[i]
		if off := uint64(a - w.Device); a >= w.Device && off < w.Size {
			return w.Phys + bufmap.PhysAddr(off), n <= w.Size-off
		}
	}
	return 0, false
}

// reach returns n bytes as the processor sees them at a device address, n above 0. The buffer, if not nil, is pinned.
func (p *Processor) reach(a bufmap.DeviceAddr, n uint64) ([]byte, *buffer, error) {
	phys, ok := p.phys(a, n)
	if !ok {
		return nil, nil, fmt.Errorf("%d bytes at device %v lie in no window", n, a)
	}
	r := p.board.memory.find(phys, n)
	if r == nil {
		return nil, nil, fmt.Errorf("%d bytes at device %v, physical %v: no memory there", n, a, phys)
	}
	if err := r.open(); err != nil {
		return nil, nil, err
	}
	if p.cfg.Coherent {
		if b, off := r.at(uint64(phys)); b != nil {
			end := uint64(b.info.Size)
			if !b.contiguous() {
				end = off - off%pageSize + pageSize
			}
			if !b.cached() {
				return r.bytes(uint64(phys), n), b, nil
			}
			if n > end-off {
				b.unref()
				return nil, nil, fmt.Errorf("%d bytes at device %v reach past the end of buffer %q", n, a, b.info.Name)
			}
			m, err := b.bytes(true, off, n)
			if err != nil {
				b.unref()
				return nil, nil, err
			}
			return m, b, nil
		}
	}
	return r.bytes(uint64(phys), n), nil, nil
}

// Memory returns n bytes at a device address after the check that every function owes to addresses from outside: an
// *Error with CodeBadBuffer if the processor cannot reach them. The slice is valid until the function returns.
func (c *Call) Memory(a bufmap.DeviceAddr, n uint64) ([]byte, error) {
	c.alive()
	if n == 0 {
		return []byte{}, nil
	}
	m, b, err := c.run.p.reach(a, n)
	if err != nil {
		return nil, &Error{Code: CodeBadBuffer, Text: err.Error()}
	}
	if b != nil {
		c.pins = append(c.pins, b)
	}
	return m, nil
}

// Load32 is a load instruction: nothing is checked before, and where there is nothing the core stops with an exception.
func (c *Call) Load32(a bufmap.DeviceAddr) uint32 {
	m, done := c.word(a, "read")
	defer done()
	return binary.LittleEndian.Uint32(m)
}

// Store32 is a store instruction.
func (c *Call) Store32(a bufmap.DeviceAddr, v uint32) {
	m, done := c.word(a, "write")
	defer done()
	binary.LittleEndian.PutUint32(m, v)
}

func (c *Call) word(a bufmap.DeviceAddr, op string) ([]byte, func()) {
	c.alive()
	if a%4 != 0 {
		panic(exception(fmt.Sprintf("exception: unaligned %s of 4 bytes at device %v in %s", op, a, c.method)))
	}
	m, b, err := c.run.p.reach(a, 4)
	if err != nil {
		panic(exception(fmt.Sprintf("exception: data abort on %s in %s: %v", op, c.method, err)))
	}
	return m, func() {
		if b != nil {
			b.unref()
		}
	}
}

// alive ends a function whose core was stopped.
func (c *Call) alive() {
	if c.run.ctx.Err() != nil {
		panic(halt{})
	}
}

// Crash stops the core with an exception. It does not return.
func (c *Call) Crash(reason string) { panic(exception("exception: " + reason)) }

// CrashAfter stops the core with an exception once the host has taken the answer of this call.
func (c *Call) CrashAfter(reason string) { c.crash = "exception: " + reason }

// Hang switches interrupts off and never returns; heartbeats end. The processor can still be stopped.
func (c *Call) Hang() {
	c.run.hung.Store(true)
	<-c.run.dead
	panic(halt{})
}
