// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, class := range []Class{Class32, Class64} {
		t.Run(class.String(), func(t *testing.T) {
			bd := goodBuilder()
			bd.Class = class
			if class == Class64 {
				bd.Machine = MachineAArch64
				bd.Entry = 0x8_8000_0100
				bd.Segments[0].Address = 0x8_8000_0000
			}
			b := build(t, bd)
			img, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if img.Class != class || img.Machine != bd.Machine || img.Entry != bd.Entry || img.Size != int64(len(b)) {
				t.Errorf("got %v %v entry %#x size %d", img.Class, img.Machine, img.Entry, img.Size)
			}
			if len(img.Segments) != 3 {
				t.Fatalf("%d segments, want 3 (two and the table's own)", len(img.Segments))
			}
			s := img.Segments[1]
			if s.Address != 0x8001_0000 || s.MemSize != 0x8000 || string(s.Data) != "data" || s.Flags != Readable|Writable {
				t.Errorf("second segment: %v data %q", &s, s.Data)
			}
			if !bytes.Equal(b[s.Offset:s.Offset+4], s.Data) || cap(s.Data) != len(s.Data) {
				t.Errorf("offset %#x does not lead to the data, or the slice can grow into the file", s.Offset)
			}
			if d, ok := img.Note("offload-sim", 1); !ok || string(d) != "program" {
				t.Errorf("note: %q, %v", d, ok)
			}
			if _, ok := img.Note("offload-sim", 2); ok {
				t.Error("a note of another type was found")
			}
			table, err := img.ResourceTable()
			if err != nil || len(table.Entries) != 3 {
				t.Fatalf("resource table: %v, %v", table, err)
			}
			if got := img.SegmentAt(0x8007_0000, 4); got == nil || !bytes.Equal(got.Data, img.Table.Data) {
				t.Error("the table is not loaded at its address")
			}
		})
	}
}

// The files are read by Go's own reader too, so that Builder and Parse cannot agree on a mistake.
func TestBuilderAgainstDebugELF(t *testing.T) {
	for _, class := range []Class{Class32, Class64} {
		bd := goodBuilder()
		bd.Class = class
		f, err := elf.NewFile(bytes.NewReader(build(t, bd)))
		if err != nil {
			t.Fatal(err)
		}
		if f.Class != elf.Class(class) || f.Machine != elf.EM_TI_C6000 || f.Entry != bd.Entry || f.ByteOrder != binary.LittleEndian {
			t.Errorf("%v: header %+v", class, f.FileHeader)
		}
		sec := f.Section(ResourceTableSection)
		if sec == nil || sec.Addr != 0x8007_0000 {
			t.Fatalf("%v: section %+v", class, sec)
		}
		data, err := sec.Data()
		want, _ := goodTable().Encode()
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%v: table % x, %v", class, data, err)
		}
		if len(f.Progs) != 4 || f.Progs[1].Paddr != 0x8001_0000 || f.Progs[1].Memsz != 0x8000 || f.Progs[1].Filesz != 4 ||
			f.Progs[3].Type != elf.PT_NOTE {
			t.Errorf("%v: programs %+v", class, f.Progs)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, class := range []Class{Class32, Class64} {
		l := layoutOf(class)
		bd := goodBuilder()
		bd.Class = class
		good := build(t, bd)
		word := func(b []byte, off int64, v uint64) {
			if class == Class64 {
				binary.LittleEndian.PutUint64(b[off:], v)
			} else {
				binary.LittleEndian.PutUint32(b[off:], uint32(v))
			}
		}
		get := func(off int64) int64 {
			if class == Class64 {
				return int64(binary.LittleEndian.Uint64(good[off:]))
			}
			return int64(binary.LittleEndian.Uint32(good[off:]))
		}
		ph := get(l.phoff)
		sh := get(l.shoff)
		tests := []struct {
			name string
			code Code
			edit func(b []byte) []byte
		}{
			{"empty", Truncated, func(b []byte) []byte { return nil }},
			{"one byte", Truncated, func(b []byte) []byte { return b[:1] }},
			{"half a header", Truncated, func(b []byte) []byte { return b[:51] }},
			{"no magic", NotELF, func(b []byte) []byte { b[0] = 0; return b }},
			{"class", NotELF, func(b []byte) []byte { b[4] = 3; return b }},
			{"big endian", WrongByteOrder, func(b []byte) []byte { b[5] = 2; return b }},
			{"no program headers", NoSegments, func(b []byte) []byte { b[l.phnumAt], b[l.phnumAt+1] = 0, 0; return b }},
			{"too many program headers", Truncated, func(b []byte) []byte { b[l.phnumAt+1] = 0x7f; return b }},
			{"program headers outside", Truncated, func(b []byte) []byte { word(b, l.phoff, 1<<31); return b }},
			{"program headers wrap", Truncated, func(b []byte) []byte { word(b, l.phoff, ^uint64(0)-4); return b }},
			{"program header size", BadHeader, func(b []byte) []byte { b[l.phentsizeAt]++; return b }},
			{"segment outside", Truncated, func(b []byte) []byte { word(b, ph+l.pOffset, uint64(len(b))-1); return b }},
			{"segment range wraps", Truncated, func(b []byte) []byte { word(b, ph+l.pFilesz, ^uint64(0)); return b }},
			{"file size above memory size", BadHeader, func(b []byte) []byte { word(b, ph+l.pMemsz, 1); return b }},
			{"section headers outside", Truncated, func(b []byte) []byte { word(b, l.shoff, uint64(len(b))-4); return b }},
			{"section header size", BadHeader, func(b []byte) []byte { b[l.shentsizeAt]++; return b }},
			{"name table index", BadHeader, func(b []byte) []byte { b[l.shstrndxAt] = 9; return b }},
			{"name table outside", Truncated, func(b []byte) []byte { word(b, sh+l.shentsize+l.shOffset, 1<<30); return b }},
			{"name outside", BadHeader, func(b []byte) []byte {
				binary.LittleEndian.PutUint32(b[sh+2*l.shentsize:], 0xffff_ffff)
				return b
			}},
			{"table outside", Truncated, func(b []byte) []byte { word(b, sh+2*l.shentsize+l.shOffset, uint64(len(b))-8); return b }},
			{"table without bytes", BadResourceTable, func(b []byte) []byte { b[sh+2*l.shentsize+4] = shtNobits; return b }},
			{"cut in the middle", Truncated, func(b []byte) []byte { return b[:len(b)/2] }},
			{"last byte missing", Truncated, func(b []byte) []byte { return b[:len(b)-1] }},
		}
		if class == Class64 { // addresses of ELF32 cannot wrap in 64 bits
			tests = append(tests, tests[0])
			tests[len(tests)-1].name, tests[len(tests)-1].code = "memory wraps", BadHeader
			tests[len(tests)-1].edit = func(b []byte) []byte { word(b, ph+l.pPaddr, ^uint64(0)); return b }
		}
		for _, tt := range tests {
			t.Run(class.String()+"/"+tt.name, func(t *testing.T) {
				img, err := Parse(tt.edit(bytes.Clone(good)))
				if img != nil || err == nil {
					t.Fatalf("got %v, %v", img, err)
				}
				var bad *BadImageError
				if !errors.Is(err, ErrBadImage) || !errors.As(err, &bad) {
					t.Fatalf("%v (%T) is no *BadImageError", err, err)
				}
				if bad.Code != tt.code {
					t.Errorf("code %q (%v), want %q", bad.Code, err, tt.code)
				}
				if _, found := CheckFile(tt.edit(bytes.Clone(good)), Requirements{}); !found.Has(tt.code) || found.Err() == nil {
					t.Errorf("findings: %v", found)
				}
			})
		}
	}
}

// Every prefix of a good file is refused: the section headers are at its end.
func TestParsePrefixes(t *testing.T) {
	b := build(t, goodBuilder())
	for n := range len(b) {
		if img, err := Parse(b[:n:n]); err == nil || img != nil {
			t.Fatalf("%d of %d bytes: accepted", n, len(b))
		}
	}
}

func TestBrokenNotesDoNotMatter(t *testing.T) {
	bd := goodBuilder()
	b := build(t, bd)
	at := bytes.Index(b, []byte("offload-sim\x00")) - 12
	binary.LittleEndian.PutUint32(b[at+4:], 0xffff_fff0)
	img, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := img.Note("offload-sim", 1); ok {
		t.Error("a note that reaches out of its segment was returned")
	}
	if found := Check(img, Requirements{}); !found.Has(BadNote) || found.Err() != nil {
		t.Errorf("findings: %v", found)
	}
}

func TestBuilderRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Builder)
		want string
	}{
		{"class", func(b *Builder) { b.Class = 7 }, "class 7"},
		{"address above 32 bits", func(b *Builder) { b.Segments[0].Address = 1 << 32 }, "ELF32"},
		{"entry above 32 bits", func(b *Builder) { b.Entry = 1 << 32 }, "ELF32"},
		{"table does not fit", func(b *Builder) { b.TableAddress = 0x8000_0ff0 }, "does not fit"},
		{"name too long", func(b *Builder) { b.Table.Entries[0].(*Carveout).Name = strings.Repeat("x", 33) }, "33 bytes"},
		{"nil entry", func(b *Builder) { b.Table.Entries[1] = (*Trace)(nil) }, "entry 1 is nil"},
		{"too many vrings", func(b *Builder) { b.Table.Entries[2].(*Vdev).Vrings = make([]Vring, 256) }, "256 vrings"},
		{"too many segments", func(b *Builder) { b.Segments = make([]Segment, 65535) }, "65536 segments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bd := goodBuilder()
			tt.edit(&bd)
			b, err := bd.Build()
			if err == nil || b != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d bytes, %v; want an error with %q", len(b), err, tt.want)
			}
		})
	}
}

// The table inside a segment is the same bytes in the file: what is loaded is what the kernel reads.
func TestTableInsideSegment(t *testing.T) {
	bd := goodBuilder()
	bd.TableAddress = 0x8000_0800
	orig := bytes.Clone(bd.Segments[0].Data)
	img, err := Parse(build(t, bd))
	if err != nil {
		t.Fatal(err)
	}
	s := img.SegmentAt(0x8000_0800, 16)
	if len(img.Segments) != 2 || img.Table.Offset != s.Offset+0x800 || !bytes.HasPrefix(s.Data[0x800:], img.Table.Data) {
		t.Errorf("table at %#x, segment %v at %#x", img.Table.Offset, s, s.Offset)
	}
	if !bytes.Equal(orig, bd.Segments[0].Data) {
		t.Error("Build changed the caller's bytes")
	}
}

func TestMachine(t *testing.T) {
	for _, n := range machineNames() {
		if m, err := ParseMachine(n.name); err != nil || m != n.machine {
			t.Errorf("%s: %v, %v", n.name, m, err)
		}
	}
	for _, m := range []Machine{1, 999, 65535} {
		if got, err := ParseMachine(m.String()); err != nil || got != m {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	for _, s := range []string{"", "dsp", "-1", "65536", "140x", "machine(70000)"} {
		if m, err := ParseMachine(s); err == nil {
			t.Errorf("%q was taken as %v", s, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, class := range []Class{Class32, Class64} {
		bd := goodBuilder()
		bd.Class = class
		bd.Segments[0].Data = []byte("code") // large seeds make the fuzzer minimise instead of search
		b := build(f, bd)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := Parse(b)
		if (img == nil) == (err == nil) {
			t.Fatalf("got %v, %v", img, err)
		}
		if err != nil {
			if !errors.Is(err, ErrBadImage) {
				t.Fatalf("%v does not wrap ErrBadImage", err)
			}
			return
		}
		for i := range img.Segments {
			s := &img.Segments[i]
			if s.FileSize() > s.MemSize || s.Offset+int64(len(s.Data)) > int64(len(b)) || s.Address+s.MemSize < s.Address {
				t.Fatalf("%v: impossible", s)
			}
		}
		found := Check(img, Requirements{Class: Class32, Machines: []Machine{MachineARM}, AddressBits: 32, NeedRPMsg: true,
			Ranges: []Range{{"tcm", 0, 0x10000}}})
		if len(found) > maxFindings {
			t.Fatalf("%d findings", len(found))
		}
		if (found.Worst() == SeverityError) != (found.Err() != nil) {
			t.Fatalf("worst %v, error %v", found.Worst(), found.Err())
		}
	})
}
