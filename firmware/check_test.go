// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func dspWants() Requirements {
	return Requirements{
		Class: Class32, Machines: []Machine{MachineTIC6000}, AddressBits: 32, NeedRPMsg: true,
		Ranges: []Range{{"l2", 0x80_0000, 0x8_0000}},
	}
}

func TestCheckGood(t *testing.T) {
	img, found := CheckFile(build(t, goodBuilder()), dspWants())
	if img == nil || len(found) != 0 || found.Err() != nil {
		t.Errorf("findings on a good image: %v", found)
	}
}

func TestCheck(t *testing.T) {
	vring := func(b *Builder, j int) *Vring { return &b.Table.Entries[2].(*Vdev).Vrings[j] }
	tests := []struct {
		name     string
		code     Code
		severity Severity
		edit     func(b *Builder, want *Requirements)
		text     string
	}{
		{"machine", WrongMachine, SeverityError, func(b *Builder, w *Requirements) { b.Machine = MachineARM }, "for arm, the processor runs ti-c6000"},
		{"class", WrongClass, SeverityError, func(b *Builder, w *Requirements) { b.Class = Class64 }, "ELF64"},
		{"no table", NoResourceTable, SeverityError, func(b *Builder, w *Requirements) { b.Table = nil }, "oopses"},
		{"no table, rpmsg needed all the same", NoResourceTable, SeverityError, func(b *Builder, w *Requirements) {
			b.Table, w.TableOptional = nil, true
		}, ""},
		{"no table, optional", NoResourceTable, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Table, w.TableOptional, w.NeedRPMsg, w.Ranges = nil, true, false, nil
		}, ""},
		{"no segments", NoSegments, SeverityError, func(b *Builder, w *Requirements) { b.Segments, b.TableAddress = nil, 0 }, ""},
		{"overlap", SegmentOverlap, SeverityError, func(b *Builder, w *Requirements) { b.Segments[1].Address = 0x8000_0fff }, ""},
		{"overlap with an earlier long one", SegmentOverlap, SeverityError, func(b *Builder, w *Requirements) {
			b.Segments = append(b.Segments, Segment{Address: 0x8000_0000, MemSize: 0x2_0000})
		}, ""},
		{"segment outside", SegmentOutside, SeverityError, func(b *Builder, w *Requirements) { b.Segments[1].Address = 0x9000_0000 }, "carveout \"ddr\" 0x80000000+0x100000"},
		{"segment half outside", SegmentOutside, SeverityError, func(b *Builder, w *Requirements) { b.Segments[1].Address = 0x800f_ffff }, ""},
		{"segment outside, ranges unknown", SegmentOutside, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Segments[1].Address, w.Ranges = 0x9000_0000, nil
		}, ""},
		{"beyond reach", BeyondReach, SeverityError, func(b *Builder, w *Requirements) { w.AddressBits = 31 }, "31 address bits"},
		{"entry outside", EntryOutside, SeverityWarning, func(b *Builder, w *Requirements) { b.Entry = 0x7000_0000 }, "in no segment"},
		{"entry in data", EntryOutside, SeverityWarning, func(b *Builder, w *Requirements) { b.Entry = 0x8001_0000 }, "not executable"},
		{"table not loaded", TableNotLoaded, SeverityWarning, func(b *Builder, w *Requirements) { b.TableAddress = 0 }, ""},
		{"name", UnterminatedName, SeverityError, func(b *Builder, w *Requirements) {
			b.Table.Entries[0].(*Carveout).Name = strings.Repeat("n", 32)
		}, "31 bytes"},
		{"carveouts overlap", AddressOverlap, SeverityError, func(b *Builder, w *Requirements) {
			b.Table.Entries = append([]Resource{&Carveout{DeviceAddress: 0x800f_0000, Length: 0x2_0000, Name: "two"}}, b.Table.Entries...)
		}, "\"two\""},
		{"devmem overlaps carveout", AddressOverlap, SeverityError, func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries, &Devmem{DeviceAddress: 0x8000_0000, Length: 1})
		}, "devmem"},
		{"vrings overlap", AddressOverlap, SeverityError, func(b *Builder, w *Requirements) {
			vring(b, 0).DeviceAddress, vring(b, 1).DeviceAddress = 0x8004_0000, 0x8004_1000
		}, "vring 1"},
		{"vring over code", AddressOverlap, SeverityError, func(b *Builder, w *Requirements) { vring(b, 0).DeviceAddress = 0x8000_0000 }, "segment"},
		{"traces overlap", AddressOverlap, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries, &Trace{DeviceAddress: 0x8008_0010, Length: 1})
		}, "trace"},
		{"carveout past 4 GiB", BeyondReach, SeverityError, func(b *Builder, w *Requirements) {
			b.Table.Entries[0].(*Carveout).Length = math.MaxUint32
		}, "4 GiB"},
		{"empty carveout", EmptyRange, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Table.Entries = append([]Resource{&Carveout{Name: "void"}}, b.Table.Entries...)
		}, ""},
		{"carveout late", CarveoutAfterUser, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries, &Carveout{DeviceAddress: AddrAny, Length: 1, Name: "late"})
		}, "late"},
		{"vring alignment 0", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 0).Align = 0 }, "alignment 0"},
		{"vring alignment 48", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 0).Align = 48 }, "alignment 48"},
		{"vring not aligned", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 0).DeviceAddress = 0x8004_0010 }, "not aligned"},
		{"vring of 0", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 0).Num = 0 }, "0 buffers"},
		{"vring of 100", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 1).Num = 100 }, "vring 1 of vdev entry 2 has 100"},
		{"vring of 65536", BadVring, SeverityError, func(b *Builder, w *Requirements) { vring(b, 1).Num = 65536 }, "32768"},
		{"one vring", BadVdev, SeverityError, func(b *Builder, w *Requirements) {
			v := b.Table.Entries[2].(*Vdev)
			v.Vrings = v.Vrings[:1]
		}, "1 vrings"},
		{"three vrings", BadVdev, SeverityError, func(b *Builder, w *Requirements) {
			v := b.Table.Entries[2].(*Vdev)
			v.Vrings = append(v.Vrings, v.Vrings[0])
		}, "3 vrings"},
		{"status set", BadVdev, SeverityWarning, func(b *Builder, w *Requirements) { b.Table.Entries[2].(*Vdev).Status = 7 }, ""},
		{"no vdev", NoVdev, SeverityError, func(b *Builder, w *Requirements) { b.Table.Entries = b.Table.Entries[:2] }, ""},
		{"no name service", NoNameService, SeverityInfo, func(b *Builder, w *Requirements) { b.Table.Entries[2].(*Vdev).Features = 0 }, ""},
		{"no trace", NoTrace, SeverityInfo, func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries[:1:1], b.Table.Entries[2])
		}, ""},
		{"trace outside", TraceOutside, SeverityWarning, func(b *Builder, w *Requirements) { b.Table.Entries[1].(*Trace).DeviceAddress = 0x100 }, ""},
		{"unknown entry", UnknownEntry, SeverityWarning, func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries, &Raw{Kind: 5, Data: []byte{0, 0, 0, 0}})
		}, "type 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bd, want := goodBuilder(), dspWants()
			tt.edit(&bd, &want)
			if len(bd.Segments) == 0 {
				bd.Notes = []Note{{Owner: "x"}} // one program header at least
			}
			_, found := CheckFile(build(t, bd), want)
			ok := false
			for _, f := range found {
				ok = ok || f.Code == tt.code && f.Severity == tt.severity && strings.Contains(f.String(), tt.text)
			}
			if !ok {
				t.Fatalf("no %v %s with %q in: %v", tt.severity, tt.code, tt.text, found)
			}
			err := found.Err()
			if (err != nil) != (found.Worst() == SeverityError) || err != nil && !errors.Is(err, ErrBadImage) {
				t.Errorf("worst %v, error %v", found.Worst(), err)
			}
		})
	}
}

// What is usual must not be reported.
func TestCheckAllows(t *testing.T) {
	tests := []struct {
		name string
		edit func(b *Builder, want *Requirements)
	}{
		{"vrings in their own carveout", func(b *Builder, w *Requirements) {
			v := b.Table.Entries[2].(*Vdev)
			v.Vrings[0].DeviceAddress, v.Vrings[1].DeviceAddress = 0xa000_0000, 0xa001_0000
			b.Table.Entries = append([]Resource{&Carveout{DeviceAddress: 0xa000_0000, Length: 0x2_0000, Name: "vdev0vring0"}}, b.Table.Entries...)
		}},
		{"vring in zeroed memory of a segment", func(b *Builder, w *Requirements) {
			b.Table.Entries[2].(*Vdev).Vrings[0].DeviceAddress = 0x8001_1000
		}},
		{"vendor entry", func(b *Builder, w *Requirements) {
			b.Table.Entries = append(b.Table.Entries, &Raw{Kind: TypeVendorStart, Data: make([]byte, 8)})
		}},
		{"segments that touch", func(b *Builder, w *Requirements) { b.Segments[1].Address = 0x8000_1000 }},
		{"empty segment inside another", func(b *Builder, w *Requirements) {
			b.Segments = append(b.Segments, Segment{Address: 0x8000_0010})
		}},
		{"segment in a range of the processor", func(b *Builder, w *Requirements) { b.Segments[1].Address = 0x80_0000 }},
		{"segment that ends at the last byte", func(b *Builder, w *Requirements) {
			w.Ranges = append(w.Ranges, Range{"top", 0xffff_0000, 0x1_0000})
			b.Segments[1].Address = 0xffff_8000
		}},
		{"wide address bits", func(b *Builder, w *Requirements) { w.AddressBits = 64 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bd, want := goodBuilder(), dspWants()
			tt.edit(&bd, &want)
			if _, found := CheckFile(build(t, bd), want); len(found) != 0 {
				t.Errorf("findings: %v", found)
			}
		})
	}
}

// Each overlap is reported once, also with a segment further back that reaches far.
func TestCheckOverlapCount(t *testing.T) {
	bd := goodBuilder()
	bd.Segments = []Segment{
		{Address: 0x8000_0000, Data: make([]byte, 0x1000), MemSize: 0x3_0000},
		{Address: 0x8000_0800, Data: []byte("inside")},
		{Address: 0x8002_0000, Data: []byte("inside too")},
		{Address: 0x8003_0000, Data: []byte("outside")},
	}
	_, found := CheckFile(build(t, bd), dspWants())
	if len(found) != 2 || found[0].Code != SegmentOverlap || found[1].Code != SegmentOverlap {
		t.Errorf("findings: %v", found)
	}
}

func TestCheckNothing(t *testing.T) {
	if found := Check(nil, Requirements{}); found.Err() == nil {
		t.Error("no image is no error")
	}
	if found := Check(&Image{}, Requirements{AddressBits: -5}); found.Err() == nil {
		t.Error("an empty image is no error")
	}
	var none Findings
	if none.Err() != nil || none.Worst() != SeverityInfo || none.Has(NotELF) {
		t.Error("no findings are something")
	}
}

// A hostile file cannot make the report grow without bounds.
func TestCheckManyFindings(t *testing.T) {
	bd := goodBuilder()
	for range 5000 {
		bd.Segments = append(bd.Segments, Segment{Address: 0x8000_0000, MemSize: 0x1000})
	}
	if _, found := CheckFile(build(t, bd), dspWants()); len(found) != maxFindings || found.Err() == nil {
		t.Errorf("%d findings", len(found))
	}
}

func TestCheckManyRemarksHideNoError(t *testing.T) {
	bd := goodBuilder()
	for range 300 {
		bd.Table.Entries = append(bd.Table.Entries, &Raw{Kind: 5, Data: make([]byte, 4)})
	}
	bd.Table.Entries = append(bd.Table.Entries, &Vdev{ID: VirtioRPMsg})
	if _, found := CheckFile(build(t, bd), Requirements{}); found.Err() == nil || !found.Has(BadVdev) || len(found) != maxFindings {
		t.Errorf("%d findings, the error is hidden", len(found))
	}
}
