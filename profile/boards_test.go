// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
)

// TestBuiltin: each profile stands alone, no two claim the same board, and docs/boards.md names all of them.
func TestBuiltin(t *testing.T) {
	page, err := os.ReadFile("../docs/boards.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	claimed := map[string]string{}
	for _, p := range list {
		if p.Name == "" || len(p.Compatible) == 0 || len(p.Processors) == 0 || len(p.Heaps) == 0 {
			t.Errorf("%s: lacks a name, compatible strings, processors or heaps", p.Origin)
		}
		for _, c := range p.Compatible {
			if other := claimed[c]; other != "" {
				t.Errorf("%s and %s both claim %q", other, p.Origin, c)
			}
			claimed[c] = p.Origin
			if !strings.Contains(string(page), "`"+c+"`") {
				t.Errorf("docs/boards.md lacks %q of %s", c, p.Origin)
			}
		}
	}
}

// TestWindowSources: every window of a real board says where its numbers come from.
func TestWindowSources(t *testing.T) {
	files, err := builtin.ReadDir("builtin")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "qemu-") {
			continue
		}
		text, err := builtin.ReadFile("builtin/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "\n\n") {
			if strings.Contains(block, "[[processor.window]]") && !strings.HasPrefix(block, "# ") {
				t.Errorf("%s, block %d: a window without a source:\n%s", f.Name(), i, block)
			}
		}
	}
}

func TestRealBoards(t *testing.T) {
	for _, c := range []struct {
		board, device string
		phys          bufmap.PhysAddr
		want          bufmap.DeviceAddr // 0: refused
	}{
		{"ti,j722s", "7e000000.dsp", 0x9_0000_1000, 0xc000_1000},
		{"ti,j722s", "7e000000.dsp", 0xa000_0000, 0xa000_0000},
		{"ti,j722s", "7e000000.dsp", 0xd000_0000, 0}, // the device address is the shared window's
		{"ti,j722s", "78400000.r5f", 0x9_0000_1000, 0},
		{"ti,j784s4", "67800000.dsp", 0xa_3bff_f000, 0xfbff_f000},
		{"ti,j721s2", "64800000.dsp", 0x9_0000_0000, 0},
		{"ti,am62a7", "7e000000.dsp", 0xa300_0000, 0xa300_0000},
		{"ti,am625", "5000000.m4fss", 0x8_8000_0000, 0},
		{"ti,am5728", "41000000.dsp", 0x9900_0000, 0},
		{"ti,k2hk", "17800000.dsp", 0x8_2000_0000, 0xa000_0000},
		{"ti,k2hk", "10800000.dsp", 0x8_8000_0000, 0},
		{"fsl,imx8mp", "imx-rproc", 0x5500_0000, 0x5500_0000},
		{"fsl,imx8mm", "imx8mm-cm4", 0x0090_0000, 0x2020_0000},
		{"st,stm32mp157", "10000000.m4", 0x3800_0100, 0x100},
		{"st,stm32mp157", "m4", 0xc000_0000, 0},
	} {
		p, err := Select([]string{c.board})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, x := range p.Processors {
			if !x.Is(c.device) {
				continue
			}
			found = true
			m, err := x.AddressMap()
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Device(c.phys, 0x1000)
			if (c.want == 0) != (err != nil) || got != c.want {
				t.Errorf("%s %s: physical %v at %v, %v; want %v", c.board, c.device, c.phys, got, err, c.want)
			}
		}
		if !found {
			t.Errorf("%s: no processor %s", c.board, c.device)
		}
	}
}

// TestDocExample: the example of docs/boards.md is a profile that uses every key.
func TestDocExample(t *testing.T) {
	page, err := os.ReadFile("../docs/boards.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	p, err := Parse("boards.md", []byte(blocks[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Regions()) != 2 || p.Regions()[0].Heap != "linux,cma" {
		t.Errorf("regions %v", p.Regions())
	}
	for _, key := range []string{"name", "compatible", "names", "aliases", "contiguous", "cached", "unmapped", "stale", "on_chip", "region",
		"device", "devices", "machine", "address_bits", "cache_line", "coherent", "mmu", "window", "heap", "size", "count", "label", "bytes", "buffers"} {
		written := false
		for _, v := range p.Values() {
			written = written || v.Origin.File != "" && (v.Key == key || strings.HasSuffix(v.Key, "."+key))
		}
		if !written {
			t.Errorf("the example lacks %q", key)
		}
	}
	for _, b := range blocks[1:] {
		if _, err := Merge(Layer{"first", []byte(blocks[0][1])}, Layer{"next", []byte(b[1])}); err != nil {
			t.Errorf("%v in\n%s", err, b[1])
		}
	}
}
