// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
)

// load does what rproc_fw_boot does: checks, carveouts, segments, and the answers in the loaded table.
func (p *Processor) load() (*run, error) {
	b := p.board
	b.mu.Lock()
	file, ok := b.files[p.firmware]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("direct firmware load for %q: %w", p.firmware, syscall.ENOENT)
	}
	refuse := func(err error) (*run, error) {
		return nil, fmt.Errorf("firmware %q: %w: %w", p.firmware, err, syscall.EINVAL)
	}
	want := firmware.Requirements{Class: p.cfg.Class, AddressBits: p.cfg.AddressBits}
	if p.cfg.Machine != firmware.MachineNone {
		want.Machines = []firmware.Machine{p.cfg.Machine}
	}
	img, found := firmware.CheckFile(file, want)
	if err := found.Err(); err != nil {
		return refuse(err)
	}
	note, _ := img.Note(noteOwner, noteProgram)
	mux := b.programs[string(note)]
	if mux == nil {
		return refuse(fmt.Errorf("its note names program %q, which is not in Config.Programs", note))
	}
	table, err := img.ResourceTable()
	if err != nil {
		return refuse(err)
	}
	if p.carveout == nil {
		return nil, fmt.Errorf("firmware %q: the processor has no memory for carveouts: %w", p.firmware, syscall.ENOMEM)
	}
	if err := p.carveout.open(); err != nil {
		return nil, fmt.Errorf("firmware %q: %w: %w", p.firmware, err, syscall.ENOMEM)
	}
	r := newRun(p, mux)
	name, ok := img.Note(noteOwner, noteName)
	if !ok {
		name = note
	}
	r.name = string(name[:min(len(name), wire.MaxName)])
	l := loader{p: p, top: uint64(p.cfg.Carveout.Size)}
	if err := l.resources(table, r); err != nil {
		return nil, fmt.Errorf("firmware %q: %w: %w", p.firmware, err, syscall.ENOMEM)
	}
	for i := range img.Segments {
		s := &img.Segments[i]
		m := p.inCarveout(s.Address, s.MemSize)
		if m == nil {
			return refuse(fmt.Errorf("%v is not inside a carveout", s))
		}
		clear(m[copy(m, s.Data):])
	}
	l.answer(img)
	if t := l.traceBuffer(table); t != nil {
		clear(t)
		r.trace.mem = t
	}
	return r, nil
}

// loader places what the resource table leaves to the kernel, downwards from the end of the processor's memory.
type loader struct {
	p     *Processor
	top   uint64
	rings []uint32 // device addresses of vrings, in the order of the table
}

// inCarveout returns the processor's own memory at a device address, nil outside.
func (p *Processor) inCarveout(addr, n uint64) []byte {
	c := p.cfg.Carveout
	off := addr - uint64(c.Device)
	if p.carveout == nil || addr < uint64(c.Device) || off > c.Size || n > c.Size-off {
		return nil
	}
	return p.carveout.mem[off : off+n : off+n]
}

func (l *loader) place(n uint64) (uint32, bool) {
	n = (n + pageSize - 1) &^ (pageSize - 1)
	if n > l.top {
		return 0, false
	}
	l.top -= n
	return uint32(uint64(l.p.cfg.Carveout.Device) + l.top), true
}

func (l *loader) resources(t *firmware.ResourceTable, r *run) error {
	var used uint64 // end of the fixed carveouts
	for _, e := range t.Entries {
		if c, ok := e.(*firmware.Carveout); ok && c.DeviceAddress != firmware.AddrAny {
			if l.p.inCarveout(uint64(c.DeviceAddress), uint64(c.Length)) == nil {
				return fmt.Errorf("carveout %q at device %#x, %#x bytes: the memory is %v", c.Name, c.DeviceAddress, c.Length, l.p.cfg.Carveout)
			}
			used = max(used, uint64(c.DeviceAddress)-uint64(l.p.cfg.Carveout.Device)+uint64(c.Length))
		}
	}
	for _, e := range t.Entries {
		switch e := e.(type) {
		case *firmware.Carveout:
			if e.DeviceAddress == firmware.AddrAny {
				if _, ok := l.place(uint64(e.Length)); !ok {
					return fmt.Errorf("carveout %q of %#x bytes does not fit", e.Name, e.Length)
				}
			}
		case *firmware.Vdev:
			for i := range e.Vrings {
				a := e.Vrings[i].DeviceAddress
				if a == firmware.AddrAny {
					var ok bool
					if a, ok = l.place(e.Vrings[i].Size()); !ok {
						return fmt.Errorf("vring %d of %#x bytes does not fit", i, e.Vrings[i].Size())
					}
				}
				l.rings = append(l.rings, a)
			}
		}
	}
	if l.top < used {
		return fmt.Errorf("carveouts and vrings need %#x bytes more than the memory has", used-l.top)
	}
	return nil
}

// answer writes to the loaded table what the kernel does: ring addresses and a driver that is ready.
func (l *loader) answer(img *firmware.Image) {
	const driverOK = 1 | 2 | 4 // ACKNOWLEDGE, DRIVER, DRIVER_OK of include/uapi/linux/virtio_config.h
	t := l.p.inCarveout(img.Table.Address, uint64(len(img.Table.Data)))
	offs, err := firmware.EntryOffsets(img.Table.Data)
	if t == nil || err != nil {
		return
	}
	ring := 0
	for _, off := range offs {
		if firmware.ResourceType(binary.LittleEndian.Uint32(t[off:])) != firmware.TypeVdev {
			continue
		}
		v := t[off:]
		v[firmware.VdevStatusOffset] = driverOK
		binary.LittleEndian.PutUint32(v[firmware.VdevDriverFeaturesOffset:], firmware.RPMsgFeatureNS)
		for i := range int(v[firmware.VdevStatusOffset+1]) {
			if ring < len(l.rings) {
				binary.LittleEndian.PutUint32(v[firmware.VdevVringsOffset+i*firmware.VringStride:], l.rings[ring])
			}
			ring++
		}
	}
}

// traceBuffer is the memory of the first trace entry, as far as the processor's memory goes.
func (l *loader) traceBuffer(t *firmware.ResourceTable) []byte {
	for _, e := range t.Entries {
		if tr, ok := e.(*firmware.Trace); ok && tr.Length > 0 {
			return l.p.inCarveout(uint64(bufmap.DeviceAddr(tr.DeviceAddress)), uint64(tr.Length))
		}
	}
	return nil
}
