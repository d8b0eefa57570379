// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const good = `name = "b"
compatible = ["v,b"]

[[heap]]
name = "linux,cma"
aliases = ["ddr"]

[[processor]]
name = "dsp0"
device = "64800000.dsp"
coherent = true

[[processor.window]]
name = "ddr"
phys = 0x900000000
device = 0xc0000000
size = 0x20000000
`

func TestParse(t *testing.T) {
	p, err := Parse("b.toml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	c := p.Processors[0]
	if p.Origin != "b.toml" || c.AddressBits != 32 || c.CacheLine != 128 || c.Coherent == nil || !*c.Coherent {
		t.Errorf("got %+v", p)
	}
	w, err := c.AddressMap()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := w.Device(0x900001000, 0x1000); err != nil || d != 0xc0001000 {
		t.Errorf("device %v, %v", d, err)
	}
}

func TestParseErrors(t *testing.T) {
	cases := []struct {
		name, text string
		line       int
		key        string
	}{
		{"not TOML", "name = \n", 1, ""},
		{"garbage", "\x00\x01\x02", 1, ""},
		{"wrong type", "name = 5\n", 1, "name"},
		{"unknown key", "name = \"b\"\ncolour = 1\n", 2, "colour"},
		{"unknown key in a table", "[[heap]]\nname = \"a\"\nsizes = 3\n", 3, "heap.sizes"},
		{"heap without name", "[[heap]]\nname = \"a\"\n\n[[heap]]\non_chip = true\n", 4, "heap[1].name"},
		{"heap twice", "[[heap]]\nname = \"a\"\n[[heap]]\nname = \"b\"\naliases = [\"a\"]\n", 4, "heap[1].name"},
		{"processor twice", "[[processor]]\nname=\"a\"\ndevice=\"x\"\n[[processor]]\nname=\"a\"\ndevice=\"y\"\n", 5, "processor[1].name"},
		{"processor without device", "[[processor]]\nname=\"a\"\n", 1, "processor[0].device"},
		{"address bits", "[[processor]]\nname=\"a\"\ndevice=\"x\"\naddress_bits = 65\n", 4, "processor[0].address_bits"},
		{"negative address bits", "[[processor]]\nname=\"a\"\ndevice=\"x\"\naddress_bits = -1\n", 4, "processor[0].address_bits"},
		{"cache line", "[[processor]]\nname=\"a\"\ndevice=\"x\"\ncache_line = 100\n", 4, "processor[0].cache_line"},
		{"negative phys", "[[processor]]\nname=\"a\"\ndevice=\"x\"\n[[processor.window]]\nphys = -1\n", 0, ""},
		{"window beyond the address bits", strings.Replace(good, "0xc0000000", "0xf0000000", 1), 13, "processor[0].window"},
		{"window of size 0", strings.Replace(good, "size = 0x20000000", "", 1), 13, "processor[0].window"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse("b.toml", []byte(c.text))
			if p != nil || !errors.Is(err, ErrInvalid) {
				t.Fatalf("profile %v, error %v", p, err)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %T: %v", err, err)
			}
			if e.File != "b.toml" || c.line != 0 && e.Line != c.line || c.key != "" && e.Key != c.key {
				t.Errorf("%v: file %q, line %d, key %q; want line %d, key %q", err, e.File, e.Line, e.Key, c.line, c.key)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	p, err := Select([]string{"unknown,board", "offload,qemu-dsp"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Processors) != 2 || p.Origin != "built-in:qemu-dsp.toml" {
		t.Errorf("got %+v", p)
	}
	if _, err := Select(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no compatible: %v", err)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.toml")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file); err != nil || p.Origin != file {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := Load(file + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// TestEmulatedBoards: the windows of the emulated boards are those that their firmware is built with.
func TestEmulatedBoards(t *testing.T) {
	header, err := os.ReadFile("../test/qemu/include/board.h")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Window{}
	entry := regexp.MustCompile(`WINDOW\("([^"]*)", (0x[0-9a-f]+), (0x[0-9a-f]+), (0x[0-9a-f]+)\)`)
	for _, table := range regexp.MustCompile(`(?m)^#define (\w+)_WINDOWS\(WINDOW\)((?:.*\\\n)*.*)`).FindAllStringSubmatch(string(header), -1) {
		for _, e := range entry.FindAllStringSubmatch(table[2], -1) {
			w := Window{Name: e[1]}
			for i, to := range []*uint64{&w.Phys, &w.Size, &w.Device} {
				if *to, err = strconv.ParseUint(e[2+i], 0, 64); err != nil {
					t.Fatal(err)
				}
			}
			name := strings.ToLower(table[1])
			want[name] = append(want[name], w)
		}
	}
	if len(want) != 3 {
		t.Fatalf("board.h has windows of %d processors", len(want))
	}
	for _, board := range []string{"offload,qemu-dsp", "offload,qemu-r5f"} {
		p, err := Select([]string{board})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Processors {
			w := want[c.Name]
			if len(w) != len(c.Windows) {
				t.Fatalf("%s has %d windows, board.h %d", c.Name, len(c.Windows), len(w))
			}
			for i := range w {
				if w[i] != c.Windows[i] {
					t.Errorf("%s: window %+v, board.h %+v", c.Name, c.Windows[i], w[i])
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[[processor]]\nname=\"a\"\ndevice=\"x\"\n[[processor.window]]\nphys = 0xffffffffffffffff\nsize=2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("f", text)
		if (p == nil) == (err == nil) {
			t.Fatalf("profile %v, error %v", p, err)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("error %v", err)
		}
		for i := range p0(p) {
			if _, err := p.Processors[i].AddressMap(); err != nil {
				t.Fatalf("accepted, but %v", err)
			}
		}
	})
}

func p0(p *Profile) []Processor {
	if p == nil {
		return nil
	}
	return p.Processors
}
