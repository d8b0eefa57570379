// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Sizes in a resource table, each with the type word of struct fw_rsc_hdr.
const (
	tableHeader  = 16
	typeSize     = 4
	memSize      = typeSize + 5*4 + MaxName // carveout, devmem
	traceSize    = typeSize + 3*4 + MaxName
	vdevSize     = typeSize + 5*4 + 4
	vringSize    = 5 * 4
	maxTableSize = 1 << 20
)

// Places inside an encoded vdev entry, counted from the offset of the entry. The kernel writes them back to the loaded
// table while the processor runs; a board that plays the kernel's part does so too.
const (
	VdevDriverFeaturesOffset = typeSize + 3*4
	VdevStatusOffset         = typeSize + 5*4
	VdevVringsOffset         = vdevSize
	VringStride              = vringSize // the first word of a vring is its device address
)

// ResourceTable is the decoded content of a .resource_table section: struct resource_table, version 1.
type ResourceTable struct {
	Entries []Resource
}

// EntryOffsets returns where the entries of an encoded table start, in their order.
func EntryOffsets(b []byte) ([]int64, error) {
	offs, err := offsets(b)
	if err != nil {
		return nil, err
	}
	return offs, nil
}

// offsets returns the entry offsets of an encoded table after the checks of find_table: header complete, version 1,
// reserved words zero, offset array complete.
func offsets(b []byte) ([]int64, *BadImageError) {
	if len(b) < tableHeader {
		return nil, badAt(BadResourceTable, 0, "%d bytes, the header alone has %d", len(b), tableHeader)
	}
	if len(b) > maxTableSize {
		return nil, badAt(BadResourceTable, 0, "%d bytes, more than %d make no sense", len(b), maxTableSize)
	}
	if ver := binary.LittleEndian.Uint32(b); ver != 1 {
		return nil, badAt(BadResourceTable, 0, "version %d, the kernel knows only 1", ver)
	}
	if binary.LittleEndian.Uint64(b[8:]) != 0 {
		return nil, badAt(BadResourceTable, 8, "reserved words are not zero")
	}
	num := binary.LittleEndian.Uint32(b[4:])
	if uint64(num) > uint64(len(b)-tableHeader)/4 {
		return nil, badAt(BadResourceTable, 4, "%d entries claimed, the table has %d bytes", num, len(b))
	}
	offs := make([]int64, num)
	first := int64(tableHeader) + int64(num)*4
	for i := range offs {
		off := int64(binary.LittleEndian.Uint32(b[tableHeader+4*i:]))
		if off < first || off > int64(len(b))-typeSize {
			return nil, badAt(BadResourceTable, int64(tableHeader+4*i),
				"entry %d is at %#x, entries lie from %#x to %#x", i, off, first, len(b))
		}
		offs[i] = off
	}
	return offs, nil
}

// DecodeResourceTable reads a resource table. Every offset and length is checked against b; entries that overlap are
// refused, which also bounds the result by the size of b. The result does not refer to b.
func DecodeResourceTable(b []byte) (*ResourceTable, error) {
	t, err := decodeTable(b)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func decodeTable(b []byte) (*ResourceTable, *BadImageError) {
	offs, err := offsets(b)
	if err != nil {
		return nil, err
	}
	sorted := slices.Clone(offs)
	slices.Sort(sorted)
	t := &ResourceTable{}
	for i, off := range offs {
		at, found := slices.BinarySearch(sorted, off)
		end := int64(len(b))
		if found && at+1 < len(sorted) {
			end = sorted[at+1]
		}
		if end == off {
			return nil, badAt(BadResourceTable, off, "two entries start here, entry %d is one of them", i)
		}
		r, err := decodeEntry(b[off:end], off, i, end == int64(len(b)))
		if err != nil {
			return nil, err
		}
		t.Entries = append(t.Entries, r)
	}
	return t, nil
}

// fixedSize is the length of an entry without the parts whose length it tells itself.
func fixedSize(typ ResourceType) int {
	switch typ {
	case TypeCarveout, TypeDevmem:
		return memSize
	case TypeTrace:
		return traceSize
	case TypeVdev:
		return vdevSize
	}
	return typeSize
}

// entryReader takes fields in order. Its caller has checked the size.
type entryReader struct{ b []byte }

func (r *entryReader) u32() uint32 {
	v := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *entryReader) name() string {
	name, _, _ := bytes.Cut(r.b[:MaxName], []byte{0})
	return string(name)
}

// decodeEntry gets the bytes from the entry's start to the next entry or the end of the table.
func decodeEntry(b []byte, off int64, i int, last bool) (Resource, *BadImageError) {
	limit := "the next entry"
	if last {
		limit = "the end of the table"
	}
	if len(b) < typeSize {
		return nil, badAt(BadResourceTable, off, "entry %d has %d bytes up to %s", i, len(b), limit)
	}
	typ := ResourceType(binary.LittleEndian.Uint32(b))
	if need := fixedSize(typ); len(b) < need {
		return nil, badAt(BadResourceTable, off, "%v entry %d needs %d bytes, %s comes after %d", typ, i, need, limit, len(b))
	}
	r := &entryReader{b[typeSize:]}
	switch typ {
	case TypeCarveout:
		e := &Carveout{DeviceAddress: r.u32(), PhysAddress: r.u32(), Length: r.u32(), Flags: r.u32()}
		return e, reserved(r, off, i, typ, &e.Name)
	case TypeDevmem:
		e := &Devmem{DeviceAddress: r.u32(), PhysAddress: r.u32(), Length: r.u32(), Flags: r.u32()}
		return e, reserved(r, off, i, typ, &e.Name)
	case TypeTrace:
		e := &Trace{DeviceAddress: r.u32(), Length: r.u32()}
		return e, reserved(r, off, i, typ, &e.Name)
	case TypeVdev:
		return decodeVdev(r, off, i, limit)
	}
	return &Raw{Kind: typ, Data: bytes.Clone(r.b)}, nil
}

// reserved checks the reserved word, which the kernel refuses unless zero, and takes the name after it.
func reserved(r *entryReader, off int64, i int, typ ResourceType, name *string) *BadImageError {
	if v := r.u32(); v != 0 {
		return badAt(BadResourceTable, off, "%v entry %d: reserved word is %#x, not zero", typ, i, v)
	}
	*name = r.name()
	return nil
}

func decodeVdev(r *entryReader, off int64, i int, limit string) (Resource, *BadImageError) {
	v := &Vdev{ID: r.u32(), NotifyID: r.u32(), Features: r.u32(), DriverFeatures: r.u32()}
	config := uint64(r.u32())
	v.Status = r.b[0]
	rings := int(r.b[1])
	if r.b[2] != 0 || r.b[3] != 0 {
		return nil, badAt(BadResourceTable, off, "vdev entry %d: reserved bytes are not zero", i)
	}
	r.b = r.b[4:]
	if uint64(rings)*vringSize+config > uint64(len(r.b)) {
		return nil, badAt(BadResourceTable, off, "vdev entry %d: %d vrings and %d bytes of configuration, %s comes after %d bytes",
			i, rings, config, limit, len(r.b))
	}
	for range rings {
		v.Vrings = append(v.Vrings, Vring{
			DeviceAddress: r.u32(), Align: r.u32(), Num: r.u32(), NotifyID: r.u32(), PhysAddress: r.u32(),
		})
	}
	if config > 0 {
		v.Config = bytes.Clone(r.b[:config])
	}
	return v, nil
}

// Encode lays the entries out one after the other behind the offset array, each on 4 bytes unless a Raw entry of another
// length comes before it.
func (t *ResourceTable) Encode() ([]byte, error) {
	b := make([]byte, tableHeader+4*len(t.Entries))
	binary.LittleEndian.PutUint32(b, 1)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(t.Entries)))
	for i, e := range t.Entries {
		if isNil(e) {
			return nil, fmt.Errorf("resource table entry %d is nil", i)
		}
		if i > 0 {
			// A Raw entry reaches to the next one: padding would become part of it when decoded.
			if _, raw := t.Entries[i-1].(*Raw); !raw {
				b = append(b, make([]byte, -len(b)&3)...)
			}
		}
		binary.LittleEndian.PutUint32(b[tableHeader+4*i:], uint32(len(b)))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Type()))
		var err error
		if b, err = e.encode(b); err != nil {
			return nil, fmt.Errorf("resource table entry %d (%v): %w", i, e.Type(), err)
		}
		if len(b) > maxTableSize {
			return nil, fmt.Errorf("resource table entry %d (%v) ends at %d, the limit is %d bytes", i, e.Type(), len(b), maxTableSize)
		}
	}
	return b, nil
}

func isNil(r Resource) bool {
	switch e := r.(type) {
	case *Carveout:
		return e == nil
	case *Devmem:
		return e == nil
	case *Trace:
		return e == nil
	case *Vdev:
		return e == nil
	case *Raw:
		return e == nil
	}
	return r == nil
}

func appendU32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func appendName(b []byte, name string) ([]byte, error) {
	if len(name) > MaxName {
		return nil, fmt.Errorf("name %q has %d bytes, the field has %d", name, len(name), MaxName)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return nil, fmt.Errorf("name %q holds a NUL", name)
	}
	b = append(b, name...)
	return append(b, make([]byte, MaxName-len(name))...), nil
}

func (e *Carveout) encode(b []byte) ([]byte, error) {
	return appendName(appendU32(b, e.DeviceAddress, e.PhysAddress, e.Length, e.Flags, 0), e.Name)
}

func (e *Devmem) encode(b []byte) ([]byte, error) {
	return appendName(appendU32(b, e.DeviceAddress, e.PhysAddress, e.Length, e.Flags, 0), e.Name)
}

func (e *Trace) encode(b []byte) ([]byte, error) {
	return appendName(appendU32(b, e.DeviceAddress, e.Length, 0), e.Name)
}

func (e *Vdev) encode(b []byte) ([]byte, error) {
	if len(e.Vrings) > maxVringsInOneHeader {
		return nil, fmt.Errorf("%d vrings, the count is one byte", len(e.Vrings))
	}
	if len(e.Config) > maxTableSize {
		return nil, fmt.Errorf("configuration of %d bytes, the limit is %d", len(e.Config), maxTableSize)
	}
	b = appendU32(b, e.ID, e.NotifyID, e.Features, e.DriverFeatures, uint32(len(e.Config)))
	b = append(b, e.Status, uint8(len(e.Vrings)), 0, 0)
	for _, v := range e.Vrings {
		b = appendU32(b, v.DeviceAddress, v.Align, v.Num, v.NotifyID, v.PhysAddress)
	}
	return append(b, e.Config...), nil
}

func (e *Raw) encode(b []byte) ([]byte, error) {
	if e.Kind <= TypeVdev {
		return nil, fmt.Errorf("a raw entry cannot have the standard type %v", e.Kind)
	}
	return append(b, e.Data...), nil
}
