// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Range is device memory that firmware may occupy.
type Range struct {
	Name  string
	Start uint64
	Size  uint64
}

func (r Range) String() string { return fmt.Sprintf("%s %#x+%#x", r.Name, r.Start, r.Size) }

// Requirements are what a processor expects of an image. The zero value expects only what the kernel does.
type Requirements struct {
	Class       Class     // 0: any
	Machines    []Machine // none: any
	AddressBits int       // width of a device address, 0: not checked
	// Ranges is the memory outside the table's carveouts that segments may lie in. If it is empty, a segment outside the
	// carveouts is only a warning, because the driver may know internal memory that the table does not mention.
	Ranges []Range
	// NeedRPMsg asks for a virtio rpmsg device in the resource table.
	NeedRPMsg bool
	// TableOptional turns a missing resource table from an error to a warning: the processor's driver is known to start
	// such images.
	TableOptional bool
}

// checker collects findings about one image. At most maxFindings are kept, so that a hostile file cannot make a report
// that is much bigger than the file.
type checker struct {
	img   *Image
	want  Requirements
	table *ResourceTable
	out   Findings
}

const maxFindings = 200

func (c *checker) add(s Severity, code Code, fix, format string, args ...any) {
	f := Finding{Severity: s, Code: code, Message: fmt.Sprintf(format, args...), Fix: fix}
	switch {
	case len(c.out) < maxFindings:
		c.out = append(c.out, f)
	case s == SeverityError && c.out.Worst() < SeverityError:
		c.out[maxFindings-1] = f // many remarks must not hide an error
	}
}

// Check examines an image for what the kernel or the processor would stumble over. It finds nothing wrong with an image
// exactly if Findings.Err is nil.
func Check(img *Image, want Requirements) Findings {
	c := &checker{img: img, want: want}
	if img == nil {
		c.add(SeverityError, Truncated, "", "no image")
		return c.out
	}
	c.identity()
	c.segments()
	c.resourceTable()
	c.placement()
	c.entry()
	if img.badNotes != nil {
		c.add(SeverityWarning, BadNote, "the notes behind it cannot be read; the kernel does not look at them", "%s", img.badNotes.Detail)
	}
	return c.out
}

// CheckFile parses and checks in one step. What Parse refuses becomes a finding; the image is then nil.
func CheckFile(b []byte, want Requirements) (*Image, Findings) {
	img, err := Parse(b)
	if err == nil {
		return img, Check(img, want)
	}
	f := Finding{Severity: SeverityError, Code: NotELF, Message: err.Error()}
	var bad *BadImageError
	if errors.As(err, &bad) {
		f.Code = bad.Code
		f.Message = fmt.Sprintf("at offset %#x: %s", bad.Offset, bad.Detail)
		if bad.Code == Truncated {
			f.Fix = "copy the file again and compare its size with the original"
		}
	}
	return nil, Findings{f}
}

func (c *checker) identity() {
	if c.want.Class != 0 && c.img.Class != c.want.Class {
		c.add(SeverityError, WrongClass, "build for this processor", "the file is %v, the processor needs %v", c.img.Class, c.want.Class)
	}
	if len(c.want.Machines) > 0 && !slices.Contains(c.want.Machines, c.img.Machine) {
		var names []string
		for _, m := range c.want.Machines {
			names = append(names, m.String())
		}
		c.add(SeverityError, WrongMachine, "build for this processor or choose another one",
			"the file is for %v, the processor runs %s", c.img.Machine, strings.Join(names, " or "))
	}
}

func (c *checker) segments() {
	if len(c.img.Segments) == 0 {
		c.add(SeverityError, NoSegments, "link with loadable segments", "the file has no loadable segment")
		return
	}
	for i := range c.img.Segments {
		s := &c.img.Segments[i]
		c.reach(s.Address, s.MemSize, "%v", s)
	}
	// Sorted by address only neighbours can overlap, if the end so far is carried along.
	sorted := make([]*Segment, 0, len(c.img.Segments))
	for i := range c.img.Segments {
		if c.img.Segments[i].MemSize > 0 {
			sorted = append(sorted, &c.img.Segments[i])
		}
	}
	slices.SortStableFunc(sorted, func(a, b *Segment) int { return cmp.Compare(a.Address, b.Address) })
	for i := 1; i < len(sorted); i++ {
		far, s := sorted[i-1], sorted[i]
		if s.Address-far.Address < far.MemSize {
			c.add(SeverityError, SegmentOverlap, "correct the linker script", "%v overlaps %v", s, far)
			if s.MemSize < far.MemSize-(s.Address-far.Address) {
				sorted[i] = far // it reaches further
			}
		}
	}
}

// reach checks a range against the processor's address bits.
func (c *checker) reach(address, length uint64, format string, args ...any) {
	bits := c.want.AddressBits
	if bits <= 0 || bits >= 64 || contains(0, 1<<bits, address, length) {
		return
	}
	c.add(SeverityError, BeyondReach, "link it to an address that the processor can form",
		"%s at %#x+%#x is beyond the %d address bits of the processor", fmt.Sprintf(format, args...), address, length, bits)
}

// placement checks that each segment lies in one range as a whole: rproc_da_to_va looks for a single carveout.
func (c *checker) placement() {
	allowed := slices.Clone(c.want.Ranges)
	if c.table != nil {
		for _, e := range c.table.Entries {
			if v, ok := e.(*Carveout); ok && v.DeviceAddress != AddrAny {
				allowed = append(allowed, Range{"carveout " + fmt.Sprintf("%q", v.Name), uint64(v.DeviceAddress), uint64(v.Length)})
			}
		}
	}
	if len(allowed) == 0 {
		return
	}
	severity := SeverityError
	if len(c.want.Ranges) == 0 {
		severity = SeverityWarning
	}
	var names []string
	for _, r := range allowed[:min(len(allowed), 16)] {
		names = append(names, r.String())
	}
	for i := range c.img.Segments {
		s := &c.img.Segments[i]
		inside := slices.ContainsFunc(allowed, func(r Range) bool { return contains(r.Start, r.Size, s.Address, s.MemSize) })
		if s.MemSize > 0 && !inside {
			c.add(severity, SegmentOutside, "add a carveout or correct the linker script",
				"%v is not inside one of: %s", s, strings.Join(names, ", "))
		}
	}
}

// entry is never an error: some processors boot at a fixed address, whatever the file says.
func (c *checker) entry() {
	const fix = "set the entry point, unless this processor boots at a fixed address"
	c.reach(c.img.Entry, 0, "entry point")
	inside := false
	for i := range c.img.Segments {
		s := &c.img.Segments[i]
		if s.Contains(c.img.Entry, 1) {
			inside = true
			if s.Flags&Executable != 0 {
				return
			}
		}
	}
	if inside {
		c.add(SeverityWarning, EntryOutside, fix, "entry point %#x lies in a segment that is not executable", c.img.Entry)
	} else {
		c.add(SeverityWarning, EntryOutside, fix, "entry point %#x lies in no segment", c.img.Entry)
	}
}
