// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"testing"
)

// A table written out by hand from include/linux/remoteproc.h.
func TestResourceTableBytes(t *testing.T) {
	table := &ResourceTable{Entries: []Resource{
		&Carveout{DeviceAddress: 0x11, PhysAddress: AddrAny, Length: 0x22, Flags: 0x33, Name: "cv"},
		&Vdev{ID: 7, NotifyID: 1, Features: 1, DriverFeatures: 2, Status: 4, Config: []byte{0xaa, 0xbb, 0xcc},
			Vrings: []Vring{{DeviceAddress: 0x1000, Align: 0x10, Num: 8, NotifyID: 9, PhysAddress: 5}}},
		&Trace{DeviceAddress: 0x44, Length: 0x55, Name: "tr"},
		&Devmem{DeviceAddress: 1, PhysAddress: 2, Length: 3, Flags: 4, Name: "dm"},
		&Raw{Kind: 130, Data: []byte{1, 2, 3}},
	}}
	name := func(s string) []byte { return append([]byte(s), make([]byte, 32-len(s))...) }
	le := func(vs ...uint32) []byte { return appendU32(nil, vs...) }
	want := bytes.Join([][]byte{
		le(1, 5, 0, 0, 36, 92, 144, 192, 248),
		le(0, 0x11, 0xffffffff, 0x22, 0x33, 0), name("cv"), // 36..92
		le(3, 7, 1, 1, 2, 3), {4, 1, 0, 0}, le(0x1000, 0x10, 8, 9, 5), {0xaa, 0xbb, 0xcc}, {0}, // 92..144
		le(2, 0x44, 0x55, 0), name("tr"), // 144..192
		le(1, 1, 2, 3, 4, 0), name("dm"), // 192..248
		le(130), {1, 2, 3},
	}, nil)
	got, err := table.Encode()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("encoded\n% x, %v\nwant\n% x", got, err, want)
	}
	back, err := DecodeResourceTable(want)
	if err != nil || !reflect.DeepEqual(back, table) {
		t.Errorf("decoded %+v, %v", back, err)
	}
	offs, err := EntryOffsets(want)
	if err != nil || !reflect.DeepEqual(offs, []int64{36, 92, 144, 192, 248}) {
		t.Errorf("offsets %v, %v", offs, err)
	}
	if want[offs[1]+VdevStatusOffset] != 4 || want[offs[1]+VdevDriverFeaturesOffset] != 2 ||
		binary.LittleEndian.Uint32(want[offs[1]+VdevVringsOffset:]) != 0x1000 {
		t.Error("the offsets inside a vdev do not lead to its fields")
	}
}

func TestDecodeResourceTableRefuses(t *testing.T) {
	good, err := goodTable().Encode()
	if err != nil {
		t.Fatal(err)
	}
	offs, _ := EntryOffsets(good)
	put := func(off int64, v uint32) func(b []byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[off:], v); return b }
	}
	tests := []struct {
		name string
		edit func(b []byte) []byte
	}{
		{"empty", func(b []byte) []byte { return nil }},
		{"half a header", func(b []byte) []byte { return b[:15] }},
		{"version 0", put(0, 0)},
		{"version 2", put(0, 2)},
		{"first reserved word", put(8, 1)},
		{"second reserved word", put(12, 0x8000_0000)},
		{"huge number", put(4, 0xffff_ffff)},
		{"number whose array wraps in 32 bits", put(4, 0x4000_0000)},
		{"one entry too many", put(4, 4)},
		{"offset in the header", put(16, 0)},
		{"offset in the offset array", put(16, 24)},
		{"offset past the end", put(16, uint32(len(good)))},
		{"offset at the last bytes", put(16, uint32(len(good))-3)},
		{"huge offset", put(16, 0xffff_fffc)},
		{"same offset twice", put(16, uint32(offs[1]))},
		{"overlapping entries", put(20, uint32(offs[0])+8)},
		{"carveout reserved", put(offs[0]+20, 1)},
		{"trace reserved", put(offs[1]+12, 1)},
		{"vdev reserved", func(b []byte) []byte { b[offs[2]+27] = 1; return b }},
		{"vring count", func(b []byte) []byte { b[offs[2]+25] = 255; return b }},
		{"configuration length", put(offs[2]+20, 1)},
		{"huge configuration", put(offs[2]+20, 0xffff_ffff)},
		{"last entry cut", func(b []byte) []byte { return b[:len(b)-1] }},
		{"huge table", func(b []byte) []byte { return append(b, make([]byte, maxTableSize)...) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table, err := DecodeResourceTable(tt.edit(bytes.Clone(good)))
			var bad *BadImageError
			if table != nil || !errors.Is(err, ErrBadImage) || !errors.As(err, &bad) || bad.Code != BadResourceTable {
				t.Fatalf("got %v, %v", table, err)
			}
			bd := goodBuilder()
			bd.TableData = tt.edit(bytes.Clone(good))
			if bd.TableData == nil {
				bd.TableData = []byte{}
			}
			if _, found := CheckFile(build(t, bd), Requirements{}); found.Err() == nil || !found.Has(BadResourceTable) {
				t.Errorf("findings in a file: %v", found)
			}
		})
	}
}

// A Raw entry of odd length is not padded, or the padding would become part of it.
func TestRawBeforeOthers(t *testing.T) {
	table := &ResourceTable{Entries: []Resource{&Raw{Kind: 128, Data: []byte{1}}, &Trace{Length: 1, Name: "t"}, &Raw{Kind: 129, Data: []byte{}}}}
	b, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeResourceTable(b); err != nil || !reflect.DeepEqual(back, table) {
		t.Errorf("%+v, %v", back, err)
	}
}

// A number of entries that the table cannot hold costs no memory.
func TestDecodeHugeNumber(t *testing.T) {
	b := appendU32(nil, 1, 0x0800_0000, 0, 0, 16, 16)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DecodeResourceTable(b)
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%v, %d bytes allocated", err, after.TotalAlloc-before.TotalAlloc)
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		entry Resource
	}{
		{"nil", nil},
		{"nil pointer", (*Raw)(nil)},
		{"NUL in a name", &Trace{Name: "a\x00b"}},
		{"raw with a standard type", &Raw{Kind: TypeVdev}},
		{"too big", &Raw{Kind: 128, Data: make([]byte, maxTableSize)}},
		{"huge configuration", &Vdev{Config: make([]byte, maxTableSize+1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := (&ResourceTable{Entries: []Resource{tt.entry}}).Encode(); err == nil {
				t.Errorf("%d bytes", len(b))
			}
		})
	}
}

func TestVringSize(t *testing.T) {
	// vring_size(256, 4096) = ALIGN(16*256 + 2*(3+256), 4096) + 2*3 + 8*256
	if got := (&Vring{Num: 256, Align: 4096}).Size(); got != 8192+6+2048 {
		t.Errorf("got %d", got)
	}
	for _, v := range []Vring{{}, {Num: 1}, {Align: 4}, {Num: 8, Align: 3}} {
		if v.Size() != 0 {
			t.Errorf("%+v: %d", v, v.Size())
		}
	}
	if got := (&Vring{Num: 0xffff_ffff, Align: 1 << 31}).Size(); got < 1<<36 {
		t.Errorf("the largest ring is %d bytes", got)
	}
}

func FuzzResourceTable(f *testing.F) {
	good, err := goodTable().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:40])
	empty, _ := (&ResourceTable{}).Encode()
	f.Add(empty)
	raw, _ := (&ResourceTable{Entries: []Resource{&Raw{Kind: 128, Data: []byte{1}}, &Vdev{Config: []byte{1}}, &Raw{Kind: 9}}}).Encode()
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := DecodeResourceTable(b)
		if (table == nil) == (err == nil) {
			t.Fatalf("got %v, %v", table, err)
		}
		if err != nil {
			return
		}
		again, err := table.Encode()
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		back, err := DecodeResourceTable(again)
		if err != nil || !reflect.DeepEqual(table, back) {
			t.Fatalf("decoded %+v\nand then %+v, %v", table, back, err)
		}
	})
}
