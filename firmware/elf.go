// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"encoding/binary"
)

// ELF numbers (gABI). The names are those of elf.h.
const (
	elfMagic     = "\x7fELF"
	eiClass      = 4
	eiData       = 5
	elfData2LSB  = 1
	ptLoad       = 1
	ptNote       = 4
	phnumXnum    = 0xffff
	shtNull      = 0
	shtNobits    = 8
	maxNotes     = 1024
	minELFHeader = 52
)

// layout holds the offsets of the fields that differ between ELF32 and ELF64.
type layout struct {
	ehsize, phentsize, shentsize int64

	entry, phoff, shoff                                    int64 // words in the ELF header
	phentsizeAt, phnumAt, shentsizeAt, shnumAt, shstrndxAt int64 // halves in the ELF header

	pOffset, pVaddr, pPaddr, pFilesz, pMemsz, pFlags, pAlign int64
	shAddr, shOffset, shSize                                 int64
}

func layoutOf(c Class) layout {
	if c == Class64 {
		return layout{64, 56, 64, 24, 32, 40, 54, 56, 58, 60, 62, 8, 16, 24, 32, 40, 4, 48, 16, 24, 32}
	}
	return layout{52, 32, 40, 24, 28, 32, 42, 44, 46, 48, 50, 4, 8, 12, 16, 20, 24, 28, 12, 16, 20}
}

// elfFile reads fields at offsets that the caller has checked.
type elfFile struct {
	b     []byte
	class Class
	layout
}

func (f *elfFile) half(off int64) uint16 { return binary.LittleEndian.Uint16(f.b[off:]) }
func (f *elfFile) u32(off int64) uint32  { return binary.LittleEndian.Uint32(f.b[off:]) }

// word is an address, offset or size: 4 bytes in ELF32, 8 in ELF64.
func (f *elfFile) word(off int64) uint64 {
	if f.class == Class64 {
		return binary.LittleEndian.Uint64(f.b[off:])
	}
	return uint64(f.u32(off))
}

// slice returns the range of the file, with its capacity cut off, or false if it is not inside.
func (f *elfFile) slice(off, size uint64) ([]byte, bool) {
	if !contains(0, uint64(len(f.b)), off, size) {
		return nil, false
	}
	return f.b[off : off+size : off+size], true
}

// Parse reads a little-endian ELF32 or ELF64 firmware file. It refuses what the kernel's loader refuses (rproc_elf_sanity_check
// and rproc_elf_load_segments) and also what the loader believes unseen: the ranges of the section headers and of the
// section name table. The memory it takes is bounded by the size of b, which it keeps.
//
// The content of the resource table is not looked at: see Image.ResourceTable and Check.
func Parse(b []byte) (*Image, error) {
	img, err := parse(b)
	if err != nil {
		return nil, err // never (img, err), and no typed nil
	}
	return img, nil
}

func parse(b []byte) (*Image, *BadImageError) {
	size := int64(len(b))
	if size < minELFHeader {
		return nil, badAt(Truncated, 0, "%d bytes are too few for an ELF header", size)
	}
	if string(b[:4]) != elfMagic {
		return nil, badAt(NotELF, 0, "the file starts with % x, not with the ELF magic", b[:4])
	}
	class := Class(b[eiClass])
	if class != Class32 && class != Class64 {
		return nil, badAt(NotELF, eiClass, "unknown ELF class %d", b[eiClass])
	}
	if b[eiData] != elfData2LSB {
		return nil, badAt(WrongByteOrder, eiData, "data encoding %d, need little-endian (1)", b[eiData])
	}
	f := &elfFile{b: b, class: class, layout: layoutOf(class)}
	if size < f.ehsize {
		return nil, badAt(Truncated, 0, "%d bytes are too few for an %v header of %d", size, class, f.ehsize)
	}
	img := &Image{Class: class, Machine: Machine(f.half(18)), Entry: f.word(f.entry), Size: size}
	if err := f.programHeaders(img); err != nil {
		return nil, err
	}
	if err := f.resourceTable(img); err != nil {
		return nil, err
	}
	return img, nil
}

// header checks a header table against the file and returns its offset and number of entries.
func (f *elfFile) header(what string, offAt, entsizeAt, numAt, entsize int64) (int64, int, *BadImageError) {
	off, num := f.word(offAt), f.half(numAt)
	if num == 0 {
		return 0, 0, nil
	}
	if got := f.half(entsizeAt); int64(got) != entsize {
		return 0, 0, badAt(BadHeader, entsizeAt, "%s headers of %d bytes, %v has %d", what, got, f.class, entsize)
	}
	if !contains(0, uint64(len(f.b)), off, uint64(num)*uint64(entsize)) {
		return 0, 0, badAt(Truncated, offAt, "%d %s headers at %#x, the file has %#x bytes", num, what, off, len(f.b))
	}
	return int64(off), int(num), nil
}

func (f *elfFile) programHeaders(img *Image) *BadImageError {
	off, num, err := f.header("program", f.phoff, f.phentsizeAt, f.phnumAt, f.phentsize)
	switch {
	case err != nil:
		return err
	case num == 0:
		return badAt(NoSegments, f.phnumAt, "no program headers; the kernel refuses such a file")
	case num == phnumXnum:
		return badAt(BadHeader, f.phnumAt, "extended program header numbering, which the kernel does not know")
	}
	for i := range num {
		ph := off + int64(i)*f.phentsize
		typ := f.u32(ph)
		if typ != ptLoad && typ != ptNote {
			continue
		}
		data, ok := f.slice(f.word(ph+f.pOffset), f.word(ph+f.pFilesz))
		if !ok {
			return badAt(Truncated, ph, "program header %d: file range %#x+%#x, the file has %#x bytes",
				i, f.word(ph+f.pOffset), f.word(ph+f.pFilesz), len(f.b))
		}
		if typ == ptNote {
			f.notes(img, data, f.word(ph+f.pAlign), ph)
			continue
		}
		s := Segment{
			Address: f.word(ph + f.pPaddr), VirtAddr: f.word(ph + f.pVaddr),
			MemSize: f.word(ph + f.pMemsz), Flags: SegmentFlags(f.u32(ph + f.pFlags)),
			Align: f.word(ph + f.pAlign), Data: data, Offset: int64(f.word(ph + f.pOffset)),
		}
		if uint64(len(data)) > s.MemSize {
			return badAt(BadHeader, ph, "program header %d: %#x bytes in the file but only %#x in memory", i, len(data), s.MemSize)
		}
		if s.Address+s.MemSize < s.Address {
			return badAt(BadHeader, ph, "program header %d: %#x+%#x wraps around", i, s.Address, s.MemSize)
		}
		img.Segments = append(img.Segments, s)
	}
	return nil
}

// notes collects the entries of one PT_NOTE segment. Their padding is 4 bytes in both classes, as Linux and GNU tools
// have it, unless the segment asks for 8. The limit keeps overlapping segments from multiplying one file's notes.
func (f *elfFile) notes(img *Image, b []byte, align uint64, ph int64) {
	if align != 8 {
		align = 4
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	for len(b) > 0 && img.badNotes == nil {
		if len(img.Notes) == maxNotes {
			img.badNotes = badAt(BadNote, ph, "more than %d notes", maxNotes)
			return
		}
		if len(b) < 12 {
			img.badNotes = badAt(BadNote, ph, "%d bytes left, a note header has 12", len(b))
			return
		}
		namesz := uint64(binary.LittleEndian.Uint32(b))
		descsz := uint64(binary.LittleEndian.Uint32(b[4:]))
		total := uint64(len(b))
		desc := 12 + pad(namesz) // at most 2^32 + 20, no overflow
		if namesz > total-12 || desc > total || descsz > total-desc {
			img.badNotes = badAt(BadNote, ph, "name of %d and descriptor of %d bytes do not fit in %d", namesz, descsz, total)
			return
		}
		owner, _, _ := bytes.Cut(b[12:12+namesz], []byte{0})
		img.Notes = append(img.Notes, Note{
			Owner: string(owner),
			Type:  binary.LittleEndian.Uint32(b[8:]),
			Data:  b[desc : desc+descsz : desc+descsz],
		})
		b = b[min(total, desc+pad(descsz)):]
	}
}

// resourceTable finds the section by name, as the kernel does, but checks the name table first.
func (f *elfFile) resourceTable(img *Image) *BadImageError {
	off, num, err := f.header("section", f.shoff, f.shentsizeAt, f.shnumAt, f.shentsize)
	if err != nil || num == 0 {
		return err
	}
	strndx := int64(f.half(f.shstrndxAt))
	if strndx >= int64(num) {
		return badAt(BadHeader, f.shstrndxAt, "section name table is section %d of %d", strndx, num)
	}
	if strndx == 0 {
		return nil // SHN_UNDEF: sections have no names
	}
	sh := off + strndx*f.shentsize
	names, ok := f.slice(f.word(sh+f.shOffset), f.word(sh+f.shSize))
	if !ok {
		return badAt(Truncated, sh, "section name table %#x+%#x, the file has %#x bytes",
			f.word(sh+f.shOffset), f.word(sh+f.shSize), len(f.b))
	}
	want := []byte(ResourceTableSection + "\x00")
	for i := range num {
		sh := off + int64(i)*f.shentsize
		name, typ := f.u32(sh), f.u32(sh+4)
		if typ == shtNull {
			continue
		}
		if uint64(name) >= uint64(len(names)) {
			return badAt(BadHeader, sh, "section %d: name at %#x of a name table of %#x bytes", i, name, len(names))
		}
		if !bytes.HasPrefix(names[name:], want) {
			continue
		}
		if typ == shtNobits {
			return badAt(BadResourceTable, sh, "section %d: %s has no bytes in the file", i, ResourceTableSection)
		}
		data, ok := f.slice(f.word(sh+f.shOffset), f.word(sh+f.shSize))
		if !ok {
			return badAt(Truncated, sh, "resource table %#x+%#x, the file has %#x bytes",
				f.word(sh+f.shOffset), f.word(sh+f.shSize), len(f.b))
		}
		img.Table = &TableSection{Address: f.word(sh + f.shAddr), Offset: int64(f.word(sh + f.shOffset)), Data: data}
		return nil
	}
	return nil
}
