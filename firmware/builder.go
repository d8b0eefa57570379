// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Builder makes firmware files: for boards that run in this process, and for tests, good ones and bad ones. It refuses
// only what the file format cannot hold; whether the result makes sense is Check's question.
type Builder struct {
	Class    Class // 0: Class32
	Machine  Machine
	Entry    uint64
	Segments []Segment // Address, Data, MemSize (0: len(Data)), Flags (0: all), Align and VirtAddr (0: Address) are used
	Notes    []Note

	// Table becomes the section .resource_table. TableData, if not nil, is taken instead, whatever it holds.
	Table     *ResourceTable
	TableData []byte
	// TableAddress is the device address of the table. If it lies in a segment, the table overwrites the segment's bytes
	// there, which must reach so far; else, if it is not 0, the table gets a segment of its own. With 0 and no segment
	// there the table is not loaded.
	TableAddress uint64
}

type fileWriter struct {
	b     []byte
	class Class
	layout
}

func (w *fileWriter) half(off int64, v uint16) { binary.LittleEndian.PutUint16(w.b[off:], v) }
func (w *fileWriter) u32(off int64, v uint32)  { binary.LittleEndian.PutUint32(w.b[off:], v) }

func (w *fileWriter) word(off int64, v uint64) {
	if w.class == Class64 {
		binary.LittleEndian.PutUint64(w.b[off:], v)
	} else {
		w.u32(off, uint32(v))
	}
}

// place appends bytes on a boundary of 16 and returns where they are.
func (w *fileWriter) place(data []byte) int64 {
	w.b = append(w.b, make([]byte, -len(w.b)&15)...)
	off := int64(len(w.b))
	w.b = append(w.b, data...)
	return off
}

// Build returns the file.
func (bd Builder) Build() ([]byte, error) {
	if bd.Class == 0 {
		bd.Class = Class32
	}
	if bd.Class != Class32 && bd.Class != Class64 {
		return nil, fmt.Errorf("building firmware: unknown %v", bd.Class)
	}
	segments, table, inside, err := bd.prepare()
	if err != nil {
		return nil, fmt.Errorf("building firmware: %w", err)
	}
	if err := bd.fits(segments); err != nil {
		return nil, fmt.Errorf("building firmware: %w", err)
	}

	w := &fileWriter{class: bd.Class, layout: layoutOf(bd.Class)}
	phnum := len(segments)
	if len(bd.Notes) > 0 {
		phnum++
	}
	w.b = make([]byte, w.ehsize+int64(phnum)*w.phentsize)
	copy(w.b, elfMagic)
	w.b[eiClass], w.b[eiData], w.b[6] = byte(bd.Class), elfData2LSB, 1
	w.half(16, 2) // ET_EXEC
	w.half(18, uint16(bd.Machine))
	w.u32(20, 1)
	w.word(w.entry, bd.Entry)
	w.half(w.ehsizeAt(), uint16(w.ehsize))
	w.half(w.phentsizeAt, uint16(w.phentsize))
	w.half(w.phnumAt, uint16(phnum))
	if phnum > 0 {
		w.word(w.phoff, uint64(w.ehsize))
	}

	tableOff := int64(-1)
	for i, s := range segments {
		off := w.place(s.Data)
		w.programHeader(i, ptLoad, off, s)
		if i == inside {
			tableOff = off + int64(bd.TableAddress-s.Address)
		}
	}
	if len(bd.Notes) > 0 {
		notes, err := encodeNotes(bd.Notes)
		if err != nil {
			return nil, fmt.Errorf("building firmware: %w", err)
		}
		off := w.place(notes)
		w.programHeader(len(segments), ptNote, off, Segment{Data: notes, MemSize: uint64(len(notes)), Flags: Readable, Align: 4})
	}
	if table != nil && tableOff < 0 {
		tableOff = w.place(table)
	}
	w.sections(bd.TableAddress, tableOff, table)
	return w.b, nil
}

// prepare copies the segments, fills in what was left open and puts the table where it belongs: inside is the segment
// that holds it, or -1.
func (bd *Builder) prepare() (segments []Segment, table []byte, inside int, err error) {
	segments = slices.Clone(bd.Segments)
	for i := range segments {
		s := &segments[i]
		if s.MemSize == 0 {
			s.MemSize = uint64(len(s.Data))
		}
		if s.Flags == 0 {
			s.Flags = Readable | Writable | Executable
		}
		if s.VirtAddr == 0 {
			s.VirtAddr = s.Address
		}
		if s.Align == 0 {
			s.Align = 16
		}
	}
	table = bd.TableData
	if table == nil && bd.Table != nil {
		if table, err = bd.Table.Encode(); err != nil {
			return nil, nil, 0, err
		}
	}
	if table == nil {
		return segments, nil, -1, nil
	}
	for i := range segments {
		s := &segments[i]
		if !s.Contains(bd.TableAddress, 1) {
			continue
		}
		if !contains(s.Address, s.FileSize(), bd.TableAddress, uint64(len(table))) {
			return nil, nil, 0, fmt.Errorf("resource table of %d bytes at %#x does not fit in the %#x file bytes of %v",
				len(table), bd.TableAddress, s.FileSize(), s)
		}
		s.Data = slices.Clone(s.Data)
		copy(s.Data[bd.TableAddress-s.Address:], table)
		return segments, table, i, nil
	}
	if bd.TableAddress == 0 {
		return segments, table, -1, nil
	}
	segments = append(segments, Segment{
		Address: bd.TableAddress, VirtAddr: bd.TableAddress, MemSize: uint64(len(table)), Data: table,
		Flags: Readable | Writable, Align: 16,
	})
	return segments, table, len(segments) - 1, nil
}

func (bd *Builder) fits(segments []Segment) error {
	if len(segments) >= phnumXnum {
		return fmt.Errorf("%d segments, the header counts to %d", len(segments), phnumXnum-1)
	}
	if bd.Class == Class64 {
		return nil
	}
	total := uint64(len(bd.TableData))
	for i := range segments {
		s := &segments[i]
		for _, v := range []uint64{s.Address, s.VirtAddr, s.MemSize, s.Align} {
			if v > math.MaxUint32 {
				return fmt.Errorf("%v: %#x does not fit in ELF32", s, v)
			}
		}
		total += s.FileSize()
	}
	if bd.Entry > math.MaxUint32 || bd.TableAddress > math.MaxUint32 {
		return fmt.Errorf("entry %#x or table address %#x does not fit in ELF32", bd.Entry, bd.TableAddress)
	}
	if total > math.MaxInt32 {
		return fmt.Errorf("%d bytes do not fit in ELF32", total)
	}
	return nil
}

func (l *layout) ehsizeAt() int64 { return l.phentsizeAt - 2 }

func (w *fileWriter) programHeader(i int, typ uint32, off int64, s Segment) {
	ph := w.ehsize + int64(i)*w.phentsize
	w.u32(ph, typ)
	w.u32(ph+w.pFlags, uint32(s.Flags))
	w.word(ph+w.pOffset, uint64(off))
	w.word(ph+w.pVaddr, s.VirtAddr)
	w.word(ph+w.pPaddr, s.Address)
	w.word(ph+w.pFilesz, s.FileSize())
	w.word(ph+w.pMemsz, s.MemSize)
	w.word(ph+w.pAlign, s.Align)
}

// sections appends the name table and the section headers. The kernel wants at least room for one section header behind
// e_shoff even if it looks at none, so the first two, the empty one and the names, are always there.
func (w *fileWriter) sections(tableAddress uint64, tableOff int64, table []byte) {
	const (
		shtProgbits, shtStrtab = 1, 3
		namesName              = ".shstrtab"
	)
	names := "\x00" + namesName + "\x00" + ResourceTableSection + "\x00"
	namesOff := w.place([]byte(names))
	num := 2
	if table != nil {
		num = 3
	}
	shoff := w.place(make([]byte, int64(num)*w.shentsize))
	w.word(w.shoff, uint64(shoff))
	w.half(w.shentsizeAt, uint16(w.shentsize))
	w.half(w.shnumAt, uint16(num))
	w.half(w.shstrndxAt, 1)
	section := func(i int64, name, typ uint32, addr uint64, off, size int64) {
		sh := shoff + i*w.shentsize
		w.u32(sh, name)
		w.u32(sh+4, typ)
		w.word(sh+w.shAddr, addr)
		w.word(sh+w.shOffset, uint64(off))
		w.word(sh+w.shSize, uint64(size))
	}
	section(1, 1, shtStrtab, 0, namesOff, int64(len(names)))
	if table != nil {
		section(2, uint32(2+len(namesName)), shtProgbits, tableAddress, tableOff, int64(len(table)))
	}
}

func encodeNotes(notes []Note) ([]byte, error) {
	if len(notes) > maxNotes {
		return nil, fmt.Errorf("%d notes, Parse reads %d", len(notes), maxNotes)
	}
	var b []byte
	for i, n := range notes {
		if uint64(len(n.Data)) > math.MaxInt32 || uint64(len(n.Owner)) >= math.MaxInt32 {
			return nil, fmt.Errorf("note %d is too big", i)
		}
		b = appendU32(b, uint32(len(n.Owner)+1), uint32(len(n.Data)), n.Type)
		b = append(append(b, n.Owner...), 0)
		b = append(b, make([]byte, -len(b)&3)...)
		b = append(b, n.Data...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b, nil
}
