// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	m, rest, err := Parse(append(protocolExamples(t)["request-sum-by-name"], 0xc0))
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind != Request || m.ID != 300 || string(m.Method.Name) != "sum" || m.Timeout != 250*time.Millisecond || m.Params.Len() != 1 {
		t.Errorf("got %+v", m)
	}
	if !bytes.Equal(rest, []byte{0xc0}) {
		t.Errorf("rest %x", rest)
	}
	if b, err := m.Params.Bin(); err != nil || !bytes.Equal(b, []byte{1, 2, 3}) {
		t.Errorf("parameter %x, %v", b, err)
	}
}

// Whatever is wrong with a request, its id must be found where it can be, because it must be answered.
func TestParseBad(t *testing.T) {
	deep := append([]byte{0x94, 0, 7, 0x12}, bytes.Repeat([]byte{0x91}, 500)...)
	cases := []struct {
		name  string
		b     []byte
		hasID bool
	}{
		{"empty", nil, false},
		{"not an array", []byte{0x07}, false},
		{"map", []byte{0x82, 0, 1, 2, 3}, false},
		{"empty array", []byte{0x90}, false},
		{"unknown kind", []byte{0x94, 3, 7, 0x12, 0x90}, false},
		{"huge kind", []byte{0x94, 0xcf, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x12, 0x90}, false},
		{"kind is a string", []byte{0x94, 0xa1, 'x', 7, 0x12, 0x90}, false},
		{"id negative", []byte{0x94, 0, 0xff, 0x12, 0x90}, false},
		{"id beyond 32 bits", []byte{0x94, 0, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0, 0x12, 0x90}, false},
		{"truncated after id", []byte{0x94, 0, 7}, true},
		{"three elements", []byte{0x93, 0, 7, 0x12}, true},
		{"six elements", []byte{0x96, 0, 7, 0x12, 0x90, 0, 0}, true},
		{"method nil", []byte{0x94, 0, 7, 0xc0, 0x90}, true},
		{"method negative", []byte{0x94, 0, 7, 0xff, 0x90}, true},
		{"method empty", []byte{0x94, 0, 7, 0xa0, 0x90}, true},
		{"method of 33 bytes", append(append([]byte{0x94, 0, 7, 0xd9, 33}, bytes.Repeat([]byte{'m'}, 33)...), 0x90), true},
		{"params not an array", []byte{0x94, 0, 7, 0x12, 0x05}, true},
		{"params count lies", []byte{0x94, 0, 7, 0x12, 0xdd, 0xff, 0xff, 0xff, 0xff, 1}, true},
		{"map count lies", []byte{0x94, 0, 7, 0x12, 0x91, 0xdf, 0xff, 0xff, 0xff, 0xff, 1}, true},
		{"bin length lies", []byte{0x94, 0, 7, 0x12, 0x91, 0xc6, 0xff, 0xff, 0xff, 0xff, 1}, true},
		{"reserved byte", []byte{0x94, 0, 7, 0x12, 0x91, 0xc1}, true},
		{"deep", deep, true},
		{"timeout too large", []byte{0x95, 0, 7, 0x12, 0x90, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0}, true},
		{"timeout negative", []byte{0x95, 0, 7, 0x12, 0x90, 0xff}, true},
		{"response of three", []byte{0x93, 1, 7, 0xc0}, true},
		{"response error not an array", []byte{0x94, 1, 7, 0x05, 0xc0}, true},
		{"response error of one", []byte{0x94, 1, 7, 0x91, 1, 0xc0}, true},
		{"response code 0", []byte{0x94, 1, 7, 0x92, 0, 0xa0, 0xc0}, true},
		{"response error with result", []byte{0x94, 1, 7, 0x92, 1, 0xa0, 0x05}, true},
		{"notification of four", []byte{0x94, 2, 7, 0x90, 0xc0}, false},
		{"range of wrong length", []byte{0x94, 0, 7, 0x12, 0x91, 0xc7, 2, 1, 1, 1}, true},
		{"range without direction", []byte{0x94, 0, 7, 0x12, 0x91, 0xc7, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, true},
		{"range with unknown flags", []byte{0x94, 0, 7, 0x12, 0x91, 0xc7, 9, 1, 9, 0, 0, 0, 0, 0, 0, 0, 1}, true},
		{"range wraps", []byte{0x94, 0, 7, 0x12, 0x91, 0xc7, 9, 1, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2}, true},
		{"fixext range", []byte{0x94, 0, 7, 0x12, 0x91, 0xd4, 1, 0}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, rest, err := Parse(c.b)
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v, want one that wraps ErrInvalid", err)
			}
			if rest != nil {
				t.Errorf("rest %x", rest)
			}
			if m.HasID != c.hasID {
				t.Errorf("HasID %v, want %v", m.HasID, c.hasID)
			}
			if c.hasID && m.ID != 7 {
				t.Errorf("ID %d, want 7", m.ID)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	nest := func(levels int) []byte { // the message's array and params are the first two
		b := AppendRequest(nil, 1, Method{Num: 16}, 1, false)
		for range levels - 2 {
			b = AppendArray(b, 1)
		}
		return AppendNil(b)
	}
	if _, _, err := Parse(nest(MaxDepth)); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if _, _, err := Parse(nest(MaxDepth + 1)); !errors.Is(err, errDepth) {
		t.Errorf("%d levels: %v", MaxDepth+1, err)
	}
}

func TestIntegers(t *testing.T) {
	for _, u := range []uint64{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MaxUint64} {
		v := Values{raw: AppendUint(nil, u), n: 1}
		if got, err := v.Uint(); err != nil || got != u {
			t.Errorf("Uint %d: %d, %v", u, got, err)
		}
	}
	for _, i := range []int64{0, -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64, 5, math.MaxInt64} {
		b := AppendInt(nil, i)
		v := Values{raw: b, n: 1}
		if got, err := v.Int(); err != nil || got != i {
			t.Errorf("Int %d: %d, %v", i, got, err)
		}
		v = Values{raw: b, n: 1}
		if _, err := v.Uint(); (err == nil) != (i >= 0) {
			t.Errorf("Uint of %d: %v", i, err)
		}
	}
	// Signed forms of numbers that are not negative are unsigned integers too.
	v := Values{raw: []byte{0xd1, 0x01, 0x00}, n: 1}
	if v.Type() != TypeUint {
		t.Errorf("type of d1 01 00: %v", v.Type())
	}
	if u, err := v.Uint(); err != nil || u != 256 {
		t.Errorf("d1 01 00: %d, %v", u, err)
	}
	v = Values{raw: AppendUint(nil, math.MaxUint64), n: 1}
	if _, err := v.Int(); !errors.Is(err, errRange) {
		t.Errorf("Int of 2^64-1: %v", err)
	}
}

func TestRef(t *testing.T) {
	for _, r := range []Ref{
		{Addr: 0, Len: 0, Flags: RefRead},
		{Addr: 0xc0000000, Len: 0x40000000, Flags: RefWrite},
		{Addr: 0xffffffff, Len: 1, Flags: RefRead | RefWrite},
		{Addr: 0xffffffff, Len: 2, Flags: RefRead},
		{Addr: 1 << 40, Len: 1 << 33, Flags: RefRead},
		{Addr: math.MaxUint64, Len: 1, Flags: RefRead},
	} {
		b := AppendRef(nil, r)
		if want := r.Addr+r.Len <= 1<<32 && r.Addr < 1<<32; (len(b) == 12) != want {
			t.Errorf("%+v takes %d bytes", r, len(b))
		}
		v := Values{raw: b, n: 1}
		if v.Type() != TypeRef {
			t.Errorf("%+v: type %v", r, v.Type())
		}
		if got, err := v.Ref(); err != nil || got != r {
			t.Errorf("%+v: got %+v, %v", r, got, err)
		}
	}
}

func TestWrongType(t *testing.T) {
	v := Values{raw: AppendStr(nil, "x"), n: 1}
	for name, read := range map[string]func() error{
		"Uint":  func() error { _, err := v.Uint(); return err },
		"Int":   func() error { _, err := v.Int(); return err },
		"Float": func() error { _, err := v.Float(); return err },
		"Bool":  func() error { _, err := v.Bool(); return err },
		"Nil":   func() error { return v.Nil() },
		"Bin":   func() error { _, err := v.Bin(); return err },
		"Ref":   func() error { _, err := v.Ref(); return err },
		"Array": func() error { _, err := v.Array(); return err },
	} {
		if err := read(); !errors.Is(err, ErrInvalid) || v.Len() != 1 {
			t.Errorf("%s of a string: %v, %d values left", name, err, v.Len())
		}
	}
	if s, err := v.Str(); err != nil || string(s) != "x" {
		t.Errorf("Str: %q, %v", s, err)
	}
	if err := v.Skip(); !errors.Is(err, errEnd) {
		t.Errorf("Skip past the end: %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	example := protocolExamples(t)["request-two-buffers"]
	out := make([]byte, 0, 496)
	n := testing.AllocsPerRun(100, func() {
		m, _, err := Parse(example)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := m.Params.Ref()
		b := AppendRequest(out, m.ID, m.Method, 2, false)
		b = AppendRef(b, r)
		AppendUint(b, 5)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: err ⇔ nothing usable, values never reach outside the message, and a message that parses parses again from
// its own bytes.
func FuzzParse(f *testing.F) {
	for _, b := range protocolExamples(f) {
		f.Add(b)
	}
	f.Add([]byte{0x94, 0, 7, 0x12, 0x91, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		m, rest, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || rest != nil {
				t.Fatalf("error %v, rest %x", err, rest)
			}
			return
		}
		whole := b[:len(b)-len(rest)]
		if again, rest, err := Parse(whole); err != nil || len(rest) != 0 || again.ID != m.ID {
			t.Fatalf("again: %v", err)
		}
		for _, v := range []Values{m.Params, m.Result} {
			for v.Len() > 0 {
				before, was := v.Len(), v.Type()
				if was == TypeNone {
					t.Fatalf("%d values left of no type", before)
				}
				if err := v.Skip(); err != nil {
					t.Fatalf("Skip of a checked value: %v", err)
				}
			}
		}
		p := m.Params
		var x any
		for p.Len() > 0 {
			if p.Type() == TypeRef || p.Type() == TypeExt {
				_ = p.Skip()
			} else if err := p.Decode(&x); err != nil {
				_ = p.Skip()
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	example := protocolExamples(b)["request-two-buffers"]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(example); err != nil {
			b.Fatal(err)
		}
	}
}
