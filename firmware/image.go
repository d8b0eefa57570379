// SPDX-License-Identifier: Apache-2.0

package firmware

import "fmt"

// ResourceTableSection is the name by which the kernel finds the resource table (find_table in
// drivers/remoteproc/remoteproc_elf_loader.c).
const ResourceTableSection = ".resource_table"

// Image is a parsed firmware file. Its byte slices refer to the bytes given to Parse.
type Image struct {
	Class    Class
	Machine  Machine
	Entry    uint64
	Size     int64 // of the file
	Segments []Segment
	Notes    []Note
	Table    *TableSection // nil if the file has no .resource_table section

	badNotes *BadImageError // notes are a convenience: a broken one is a finding, no reason to refuse the file
}

// SegmentFlags are p_flags of a program header.
type SegmentFlags uint32

const (
	Executable SegmentFlags = 1 << iota
	Writable
	Readable
)

func (f SegmentFlags) String() string {
	s := []byte("---")
	if f&Readable != 0 {
		s[0] = 'r'
	}
	if f&Writable != 0 {
		s[1] = 'w'
	}
	if f&Executable != 0 {
		s[2] = 'x'
	}
	return string(s)
}

// Segment is one PT_LOAD program header.
type Segment struct {
	Address  uint64 // device address: p_paddr, which is what the remoteproc loader uses; p_vaddr is not looked at
	MemSize  uint64 // bytes in memory; what is beyond len(Data) is zeroed
	Flags    SegmentFlags
	Align    uint64
	Data     []byte // the bytes in the file; len(Data) is p_filesz
	Offset   int64  // of Data in the file
	VirtAddr uint64
}

// FileSize is the number of bytes that come from the file.
func (s *Segment) FileSize() uint64 { return uint64(len(s.Data)) }

// Contains reports whether the whole range lies in the memory of the segment.
func (s *Segment) Contains(address, length uint64) bool {
	return contains(s.Address, s.MemSize, address, length)
}

func (s *Segment) String() string {
	return fmt.Sprintf("segment %#x+%#x %v", s.Address, s.MemSize, s.Flags)
}

// contains has no sum that can overflow.
func contains(start, size, address, length uint64) bool {
	return address >= start && address-start <= size && length <= size-(address-start)
}

// Note is one entry of a PT_NOTE segment.
type Note struct {
	Owner string
	Type  uint32
	Data  []byte
}

// TableSection is the .resource_table section.
type TableSection struct {
	Address uint64 // device address of the table in loaded memory: sh_addr, where the kernel writes back its answers
	Offset  int64
	Data    []byte
}

// Note returns the descriptor of the first note of this owner and type.
func (img *Image) Note(owner string, typ uint32) ([]byte, bool) {
	for i := range img.Notes {
		if n := &img.Notes[i]; n.Owner == owner && n.Type == typ {
			return n.Data, true
		}
	}
	return nil, false
}

// ResourceTable decodes the resource table. Without one it returns nil and a *BadImageError with NoResourceTable.
func (img *Image) ResourceTable() (*ResourceTable, error) {
	if img.Table == nil {
		return nil, badAt(NoResourceTable, -1, "the file has no %s section", ResourceTableSection)
	}
	return DecodeResourceTable(img.Table.Data)
}

// SegmentAt returns the first segment that holds the whole range, or nil.
func (img *Image) SegmentAt(address, length uint64) *Segment {
	for i := range img.Segments {
		if img.Segments[i].Contains(address, length) {
			return &img.Segments[i]
		}
	}
	return nil
}
