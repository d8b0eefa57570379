// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNewWindowsRefuses(t *testing.T) {
	ddr := Window{Name: "ddr", Phys: 0x8000_0000, Device: 0x8000_0000, Size: 1 << 30}
	for _, c := range []struct {
		name string
		bits int
		list []Window
		want string
	}{
		{"no bits", 0, nil, "0 address bits"},
		{"65 bits", 65, nil, "65 address bits"},
		{"negative bits", -1, nil, "-1 address bits"},
		{"empty", 32, []Window{{Name: "e"}}, "size 0"},
		{"physical wraps", 64, []Window{{Phys: math.MaxUint64, Size: 2}}, "wraps"},
		{"device wraps", 64, []Window{{Device: math.MaxUint64, Size: 2}}, "wraps"},
		{"beyond the bits", 32, []Window{{Device: 0xFFFF_FFFF, Size: 2}}, "address bits"},
		{"physical overlap", 32, []Window{ddr, {Phys: 0xBFFF_FFFF, Device: 0, Size: 1}}, "physical"},
		{"device overlap", 32, []Window{ddr, {Phys: 0, Device: 0xBFFF_FFFF, Size: 1}}, "device"},
	} {
		if _, err := NewWindows(c.bits, c.list...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := NewWindows(32, Window{Device: 0xFFFF_FFFF, Size: 2}); !errors.Is(err, ErrReach) {
		t.Errorf("beyond the bits: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	for _, bits := range []int{1, 32, 36, 48, 63, 64} {
		w := must[Windows](t)(Identity(bits))
		last := uint64(math.MaxUint64) >> (64 - bits)
		if d, err := w.Device(PhysAddr(last), 1); err != nil || uint64(d) != last {
			t.Errorf("%d bits: %v, %v", bits, d, err)
		}
		if bits < 64 {
			if _, err := w.Device(PhysAddr(last)+1, 1); !errors.Is(err, ErrNoWindow) {
				t.Errorf("%d bits: %v", bits, err)
			}
			if _, err := w.Device(PhysAddr(last), 2); !errors.Is(err, ErrNoWindow) {
				t.Errorf("%d bits: %v", bits, err)
			}
		}
	}
	if _, err := Identity(0); err == nil {
		t.Error("0 bits")
	}
}

// Every byte of a small world: a range has an address exactly if all its bytes lie in one window.
func TestWindowsByByte(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var list []Window
		for range rapid.IntRange(0, 4).Draw(rt, "n") {
			list = append(list, Window{
				Phys:   PhysAddr(rapid.Uint64Range(0, 60).Draw(rt, "phys")),
				Device: DeviceAddr(rapid.Uint64Range(0, 60).Draw(rt, "device")),
				Size:   rapid.Uint64Range(1, 20).Draw(rt, "size"),
			})
		}
		owner, back, clash := map[uint64]int{}, map[uint64]int{}, false
		for i, w := range list {
			for b := range w.Size {
				_, p := owner[uint64(w.Phys)+b]
				_, d := back[uint64(w.Device)+b]
				clash = clash || p || d
				owner[uint64(w.Phys)+b], back[uint64(w.Device)+b] = i+1, i+1
			}
		}
		ws, err := NewWindows(8, list...)
		if (err != nil) != clash {
			rt.Fatalf("%v: %v, overlap: %v", list, err, clash)
		}
		if clash {
			return
		}
		p, size := rapid.Uint64Range(0, 90).Draw(rt, "from"), rapid.Uint64Range(1, 30).Draw(rt, "bytes")
		i := owner[p]
		for b := range size {
			if owner[p+b] != i {
				i = 0
			}
		}
		d, err := ws.Device(PhysAddr(p), size)
		switch {
		case i == 0:
			if !errors.Is(err, ErrNoWindow) {
				rt.Fatalf("%#x+%d: %v, %v", p, size, d, err)
			}
		case err != nil || uint64(d)-uint64(list[i-1].Device) != p-uint64(list[i-1].Phys):
			rt.Fatalf("%#x+%d: %v, %v in %v", p, size, d, err, list[i-1])
		}
	})
}

func TestWindowsExtremes(t *testing.T) {
	w := testWindows(t)
	for _, size := range []uint64{1<<30 + 1, math.MaxUint64, math.MaxUint64 - 0x8000_0000 + 1} {
		if _, err := w.Device(0x8000_0000, size); !errors.Is(err, ErrNoWindow) || !strings.Contains(err.Error(), "ddr") {
			t.Errorf("%#x bytes: %v", size, err)
		}
	}
	if _, err := (Windows{}).Device(0, 1); !errors.Is(err, ErrNoWindow) {
		t.Error(err)
	}
	list := w.List()
	list[0].Phys = 0
	if w.List()[0].Phys == 0 {
		t.Error("List gives its own memory away")
	}
}
