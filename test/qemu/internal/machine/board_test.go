// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

type window struct {
	name              string
	bus, size, device uint64
}

// windows reads the WINDOW tables out of board.h.
func windows(t *testing.T) map[string][]window {
	t.Helper()
	text, err := os.ReadFile("../../include/board.h")
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string][]window)
	entry := regexp.MustCompile(`WINDOW\("([^"]*)", (0x[0-9a-f]+), (0x[0-9a-f]+), (0x[0-9a-f]+)\)`)
	for _, table := range regexp.MustCompile(`(?m)^#define (\w+)_WINDOWS\(WINDOW\)((?:.*\\\n)*.*)`).FindAllStringSubmatch(string(text), -1) {
		for _, e := range entry.FindAllStringSubmatch(table[2], -1) {
			w := window{name: e[1]}
			for i, to := range []*uint64{&w.bus, &w.size, &w.device} {
				if *to, err = strconv.ParseUint(e[2+i], 0, 64); err != nil {
					t.Fatal(err)
				}
			}
			tables[table[1]] = append(tables[table[1]], w)
		}
	}
	return tables
}

// TestWindows: no address has two meanings, none means itself, and an address for one dsp means nothing to the other.
func TestWindows(t *testing.T) {
	tables := windows(t)
	if len(tables["DSP0"]) < 4 || len(tables["DSP0"]) != len(tables["DSP1"]) || len(tables["R5F"]) < 4 {
		t.Fatalf("tables %v", tables)
	}
	for name, table := range tables {
		for i, w := range table {
			if w.size == 0 || w.bus+w.size < w.bus || w.device+w.size < w.device {
				t.Errorf("%s: %+v is empty or wraps", name, w)
			}
			if w.bus == w.device {
				t.Errorf("%s: %+v is an identity", name, w)
			}
			if name == "R5F" && w.device+w.size > 1<<32 {
				t.Errorf("%s: %+v ends above 32 bits", name, w)
			}
			for _, o := range table[:i] {
				if overlap(w.bus, o.bus, w.size, o.size) || overlap(w.device, o.device, w.size, o.size) {
					t.Errorf("%s: %+v and %+v overlap", name, w, o)
				}
			}
		}
	}
	for _, w := range tables["DSP0"] {
		for _, o := range tables["DSP1"] {
			if overlap(w.device, o.device, w.size, o.size) {
				t.Errorf("device addresses of dsp0 %+v and dsp1 %+v overlap", w, o)
			}
		}
	}
}

func overlap(x, y, xSize, ySize uint64) bool { return x < y+ySize && y < x+xSize }
