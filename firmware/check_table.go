// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"cmp"
	"fmt"
	"slices"
)

func (c *checker) resourceTable() {
	if c.img.Table == nil {
		severity := SeverityError
		if c.want.TableOptional && !c.want.NeedRPMsg {
			severity = SeverityWarning
		}
		c.add(severity, NoResourceTable, "add a "+ResourceTableSection+" section, with no entries if need be",
			"the file has no resource table; there will be no rpmsg and no trace, and with some drivers the kernel refuses the start or oopses")
		return
	}
	table, err := decodeTable(c.img.Table.Data)
	if err != nil {
		c.add(SeverityError, BadResourceTable, "correct the table in the firmware source", "at offset %#x of the table: %s", err.Offset, err.Detail)
		return
	}
	c.table = table
	c.entries()
	c.overlaps()
	if t := c.img.Table; c.img.SegmentAt(t.Address, uint64(len(t.Data))) == nil && len(table.Entries) > 0 {
		c.add(SeverityWarning, TableNotLoaded, "put the section in a loaded segment",
			"the resource table at %#x+%#x is in no segment: the firmware cannot see the addresses that the kernel fills in", t.Address, len(t.Data))
	}
}

func (c *checker) entries() {
	traces, rpmsg, users := 0, 0, 0
	for i, e := range c.table.Entries {
		switch e := e.(type) {
		case *Carveout:
			c.name(i, e.Type(), e.Name)
			c.region(i, e.Type(), e.DeviceAddress, e.Length)
			if users > 0 {
				c.add(SeverityWarning, CarveoutAfterUser, "put carveouts first",
					"carveout entry %d (%q) comes after entries that may lie in it", i, e.Name)
			}
			continue
		case *Devmem:
			c.name(i, e.Type(), e.Name)
			c.region(i, e.Type(), e.DeviceAddress, e.Length)
			continue
		case *Trace:
			traces++
			c.name(i, e.Type(), e.Name)
			c.trace(i, e)
		case *Vdev:
			if e.ID == VirtioRPMsg {
				rpmsg++
			}
			c.vdev(i, e)
		case *Raw:
			if e.Kind < TypeVendorStart || e.Kind > TypeVendorEnd {
				c.add(SeverityWarning, UnknownEntry, "", "entry %d has the unknown type %d; the kernel skips it", i, uint32(e.Kind))
			}
			continue
		}
		users++
	}
	if traces == 0 {
		c.add(SeverityInfo, NoTrace, "add a trace entry to see what the firmware says", "the table has no trace buffer")
	}
	if rpmsg == 0 && c.want.NeedRPMsg {
		c.add(SeverityError, NoVdev, "add a vdev entry with id 7 and two vrings", "the table has no rpmsg device, no call can be made")
	}
}

// name checks the field that the kernel prints with %s.
func (c *checker) name(i int, typ ResourceType, name string) {
	if len(name) >= MaxName {
		c.add(SeverityError, UnterminatedName, "shorten it to 31 bytes",
			"%v entry %d: the name %q fills its field with no NUL at the end; the kernel reads on behind it", typ, i, name)
	}
}

func (c *checker) region(i int, typ ResourceType, da, length uint32) {
	if length == 0 {
		c.add(SeverityWarning, EmptyRange, "remove the entry or give it a length", "%v entry %d has length 0", typ, i)
	}
	if da == AddrAny {
		return
	}
	if uint64(da)+uint64(length) > 1<<32 {
		c.add(SeverityError, BeyondReach, "device addresses in a resource table have 32 bits",
			"%v entry %d: %#x+%#x passes 4 GiB", typ, i, da, length)
		return
	}
	c.reach(uint64(da), uint64(length), "%v entry %d", typ, i)
}

func (c *checker) trace(i int, t *Trace) {
	c.region(i, TypeTrace, t.DeviceAddress, t.Length)
	if c.img.SegmentAt(uint64(t.DeviceAddress), uint64(t.Length)) != nil {
		return
	}
	for _, e := range c.table.Entries {
		v, ok := e.(*Carveout)
		if ok && contains(uint64(v.DeviceAddress), uint64(v.Length), uint64(t.DeviceAddress), uint64(t.Length)) {
			return
		}
	}
	for _, r := range c.want.Ranges {
		if contains(r.Start, r.Size, uint64(t.DeviceAddress), uint64(t.Length)) {
			return
		}
	}
	c.add(SeverityWarning, TraceOutside, "place it in a segment or a carveout",
		"trace entry %d (%q) at %#x+%#x is in no segment and no carveout; debugfs will call it not available", i, t.Name, t.DeviceAddress, t.Length)
}

func (c *checker) vdev(i int, v *Vdev) {
	if len(v.Vrings) > maxVringsOfVdev {
		c.add(SeverityError, BadVdev, "use two vrings", "vdev entry %d has %d vrings, the kernel takes %d", i, len(v.Vrings), maxVringsOfVdev)
	}
	if v.ID == VirtioRPMsg {
		if len(v.Vrings) < 2 {
			c.add(SeverityError, BadVdev, "use two vrings, receive and transmit", "vdev entry %d: rpmsg with %d vrings", i, len(v.Vrings))
		}
		if v.Features&RPMsgFeatureNS == 0 {
			c.add(SeverityInfo, NoNameService, "set feature bit 0 if the firmware announces names",
				"vdev entry %d does not offer the name service: no channel appears by itself", i)
		}
	}
	if v.Status != 0 {
		c.add(SeverityWarning, BadVdev, "set it to 0", "vdev entry %d has status %#x in the file; the kernel writes it at start", i, v.Status)
	}
	for j := range v.Vrings {
		c.vring(i, j, &v.Vrings[j])
	}
}

func (c *checker) vring(i, j int, v *Vring) {
	what := fmt.Sprintf("vring %d of vdev entry %d", j, i)
	switch {
	case v.Num == 0 || v.Num&(v.Num-1) != 0:
		c.add(SeverityError, BadVring, "use a power of two, such as 256", "%s has %d buffers", what, v.Num)
	case v.Num > maxVirtqueueLength:
		c.add(SeverityError, BadVring, "use fewer, such as 256", "%s has %d buffers, virtio allows %d", what, v.Num, maxVirtqueueLength)
	}
	if v.Align == 0 || v.Align&(v.Align-1) != 0 {
		c.add(SeverityError, BadVring, "use a power of two, such as 4096", "%s has alignment %d", what, v.Align)
		return
	}
	if v.DeviceAddress == AddrAny {
		return
	}
	if v.DeviceAddress%v.Align != 0 {
		c.add(SeverityError, BadVring, "align it or let the kernel choose the address",
			"%s at %#x is not aligned to %d", what, v.DeviceAddress, v.Align)
	}
	c.reach(uint64(v.DeviceAddress), v.Size(), "%s", what)
}

// span is a fixed range that must not overlap others.
type span struct {
	Range
	data bool // bytes of the file
}

// overlaps compares what must be apart. A vring may lie in the carveout that was made for it and a trace buffer may lie
// anywhere in a segment or carveout, so these are compared with their like and with the file's bytes only.
func (c *checker) overlaps() {
	var memory, rings, traces []span
	for i, e := range c.table.Entries {
		switch e := e.(type) {
		case *Carveout:
			memory = addSpan(memory, e.DeviceAddress, uint64(e.Length), "carveout entry %d (%q)", i, e.Name)
		case *Devmem:
			memory = addSpan(memory, e.DeviceAddress, uint64(e.Length), "devmem entry %d (%q)", i, e.Name)
		case *Trace:
			traces = addSpan(traces, e.DeviceAddress, uint64(e.Length), "trace entry %d (%q)", i, e.Name)
		case *Vdev:
			for j := range e.Vrings {
				v := &e.Vrings[j]
				rings = addSpan(rings, v.DeviceAddress, v.Size(), "vring %d of entry %d", j, i)
			}
		}
	}
	c.overlap(memory, SeverityError)
	c.overlap(traces, SeverityWarning)
	for i := range c.img.Segments {
		if s := &c.img.Segments[i]; s.FileSize() > 0 {
			rings = append(rings, span{Range{s.String(), s.Address, s.FileSize()}, true})
		}
	}
	c.overlap(rings, SeverityError)
}

func addSpan(spans []span, da uint32, length uint64, format string, args ...any) []span {
	if da == AddrAny || length == 0 {
		return spans
	}
	return append(spans, span{Range{fmt.Sprintf(format, args...), uint64(da), length}, false})
}

func (c *checker) overlap(spans []span, severity Severity) {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(spans); i++ {
		far, s := spans[i-1], spans[i]
		if s.Start-far.Start >= far.Size {
			continue
		}
		if !s.data || !far.data { // segments among each other were compared before
			c.add(severity, AddressOverlap, "move one of them", "%v overlaps %v", s.Range, far.Range)
		}
		if s.Size < far.Size-(s.Start-far.Start) {
			spans[i] = far
		}
	}
}
