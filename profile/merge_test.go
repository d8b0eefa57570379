// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func merge(t *testing.T, texts ...string) (*Profile, error) {
	t.Helper()
	var layers []Layer
	for i, s := range texts {
		layers = append(layers, Layer{fmt.Sprintf("%d.toml", i), []byte(s)})
	}
	return Merge(layers...)
}

func origin(p *Profile, key string) string {
	for _, v := range p.Values() {
		if v.Key == key {
			return v.Value + " " + v.Origin.String()
		}
	}
	return "none"
}

func TestMerge(t *testing.T) {
	p, err := merge(t, good, `
[[heap]]
name = "linux,cma"
cached = true

[[processor]]
name = "dsp0"
cache_line = 64

[[processor.window]]
phys = 0x880000000
device = 0xa0000000
size = 0x1000

[[processor]]
name = "m4"
device = "5000000.m4fss"
`, "pool = [{heap = \"ddr\", size = 4096, count = 8}]\n[[quota]]\nlabel = \"camera\"\nbytes = 1048576\n")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		`name`:                            `"b" 0.toml:1`,
		`heap[linux,cma].aliases`:         `["ddr"] 0.toml:6`,
		`heap[linux,cma].cached`:          `true 1.toml:4`,
		`heap[linux,cma].contiguous`:      `none`,
		`processor[dsp0].device`:          `"64800000.dsp" 0.toml:10`,
		`processor[dsp0].coherent`:        `true 0.toml:11`,
		`processor[dsp0].address_bits`:    `32 `,
		`processor[dsp0].cache_line`:      `64 1.toml:8`,
		`processor[m4].device`:            `"5000000.m4fss" 1.toml:17`,
		`pool[ddr, 0x1000].count`:         `8 2.toml:1`,
		`quota[camera, ].bytes`:           `0x100000 2.toml:4`,
		`processor[dsp0].window`:          `[{name = "", phys = 0x880000000, device = 0xa0000000, size = 0x1000}] 1.toml:10`,
		`processor[m4].window`:            `none`,
		`processor[never there].anything`: `none`,
	} {
		if got := origin(p, key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if p.Origin != "2.toml" || len(p.Processors) != 2 || len(p.Heaps) != 1 {
		t.Errorf("got %+v", p)
	}
}

func TestMergeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		over string
		want string // file:line: key
	}{
		"bad value of a later file": {"[[processor]]\nname = \"dsp0\"\naddress_bits = 31\n", "0.toml:13: processor[0].window: "},
		"bad windows laid over":     {"[[processor]]\nname = \"dsp0\"\n[[processor.window]]\nphys=0\n", "1.toml:3: processor[0].window: "},
		"new one without device":    {"[[processor]]\nname = \"x\"\n", "1.toml:1: processor[0].device: missing"},
		"device twice":              {"[[processor]]\nname = \"x\"\ndevice = \"64800000.dsp\"\n", "1.toml:3: processor[0].device: "},
		"name of another heap":      {"[[heap]]\nname = \"ddr\"\n", "1.toml:2: heap[0].name: "},
		"twice in one file":         {"[[heap]]\nname = \"a\"\n[[heap]]\nname = \"a\"\n", "1.toml:4: heap[1].name: "},
		"empty region":              {"[[heap]]\nname = \"a\"\n[[heap.region]]\nphys = 1\n", "1.toml:3: heap[0].region: "},
		"wrapping region":           {"[[heap]]\nname = \"a\"\nregion = [{phys = 0x7fffffffffffffff, size = 0}]\n", "1.toml:3: heap[0].region: "},
		"pool without heap":         {"[[pool]]\nsize = 1\ncount = 1\n", "1.toml:1: pool[0].heap: missing"},
		"pool of no known heap":     {"[[pool]]\nheap = \"dram\"\nsize = 1\ncount = 1\n", "1.toml:2: pool[0].heap: "},
		"pool of nothing":           {"[[pool]]\nheap = \"ddr\"\nsize = 0\ncount = 1\n", "1.toml:3: pool[0].size: "},
		"negative count":            {"[[pool]]\nheap = \"ddr\"\nsize = 1\ncount = -1\n", "1.toml:4: pool[0].count: "},
		"pool beyond everything":    {"[[pool]]\nheap = \"ddr\"\nsize = 0x7000000000000000\ncount = 4\n", "1.toml:4: pool[0].count: "},
		"quota of no known heap":    {"[[quota]]\nheap = \"dram\"\n", "1.toml:2: quota[0].heap: "},
		"negative quota":            {"[[quota]]\nbytes = -1\n", "1.toml:2: quota[0].bytes: "},
		"negative number":           {"[[quota]]\nbuffers = -1\n", "1.toml:2: quota[0].buffers: "},
		"not TOML":                  {"[[", "1.toml:1: "},
		"unknown key":               {"[[pool]]\nheap = \"ddr\"\nsise = 1\n", "1.toml:3: pool.sise: unknown key"},
	} {
		p, err := merge(t, good, c.over)
		if p != nil || !errors.Is(err, ErrInvalid) || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
			t.Errorf("%s: profile %v, error %v, want %s", name, p, err, c.want)
		}
	}
}

// TestMergeProperty: nothing laid over changes nothing, a file laid over itself changes nothing, and layers may be laid one by
// one or at once.
func TestMergeProperty(t *testing.T) {
	same := func(a, b *Profile) bool {
		x, y := *a, *b
		x.origins, y.origins, x.Origin, y.Origin = nil, nil, "", ""
		return reflect.DeepEqual(x, y)
	}
	file := rapid.Custom(func(t *rapid.T) string {
		var s strings.Builder
		if rapid.Bool().Draw(t, "named") {
			fmt.Fprintf(&s, "name = %q\n", rapid.SampledFrom([]string{"x", "y"}).Draw(t, "name"))
		}
		for _, h := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID[string]).Draw(t, "heaps") {
			fmt.Fprintf(&s, "[[heap]]\nname = %q\n", h)
			for _, k := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"cached", "stale", "on_chip"}), rapid.ID[string]).Draw(t, "keys") {
				fmt.Fprintf(&s, "%s = %v\n", k, rapid.Bool().Draw(t, k))
			}
		}
		for _, q := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"", "l", "m"}), rapid.ID[string]).Draw(t, "quotas") {
			fmt.Fprintf(&s, "[[quota]]\nlabel = %q\nbytes = %d\n", q, rapid.IntRange(0, 9).Draw(t, "bytes"))
		}
		return s.String()
	})
	rapid.Check(t, func(r *rapid.T) {
		a, b := file.Draw(r, "a"), file.Draw(r, "b")
		ab, err := merge(t, a, b)
		if err != nil {
			r.Fatal(err)
		}
		for name, texts := range map[string][]string{"again": {a, b, b}, "empty": {"", a, "", b, ""}, "hidden": {a, b, a, b}} {
			if p, err := merge(t, texts...); err != nil || !same(p, ab) && name != "hidden" {
				r.Fatalf("%s: %+v, %v; want %+v", name, p, err, ab)
			}
		}
		only, err := merge(t, b)
		if err != nil {
			r.Fatal(err)
		}
		for _, v := range only.Values() { // what the last file says holds, and is said to be of it
			if got, want := origin(ab, v.Key), v.Value+" "+strings.Replace(v.Origin.String(), "0.toml", "1.toml", 1); got != want {
				r.Fatalf("%s: %s, want %s", v.Key, got, want)
			}
		}
	})
}

func TestLoadAll(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("20.toml", "[[processor]]\nname = \"dsp0\"\ncache_line = 32\n")
	write("10.toml", "[[processor]]\nname = \"dsp0\"\ncache_line = 16\nmachine = \"arm\"\n")
	write("30-other.toml", "compatible = [\"v,other\"]\nname = \"other\"\n")
	write(".hidden.toml", "[[")
	write("readme", "[[")
	file := filepath.Join(t.TempDir(), "mine.toml")
	if err := os.WriteFile(file, []byte("name = \"mine\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	board := []string{"offload,qemu-dsp"}
	p, err := LoadAll(board, dir, file)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"name":                       `"mine" ` + file + ":1",
		"processor[dsp0].cache_line": "32 " + filepath.Join(dir, "20.toml") + ":3",
		"processor[dsp0].machine":    `"arm" ` + filepath.Join(dir, "10.toml") + ":4",
		"processor[dsp0].device":     `"dsp0" built-in:qemu-dsp.toml:32`,
	} {
		if got := origin(p, key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if p, err := LoadAll(append(board, "v,other"), dir, ""); err != nil || p.Name != "other" {
		t.Errorf("file of this board: %v, %v", p, err)
	}
	if p, err := LoadAll(nil, filepath.Join(dir, "none"), ""); err != nil || len(p.Values()) != 0 {
		t.Errorf("nothing known: %v, %v", p, err)
	}
	if _, err := LoadAll(board, dir, file+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := LoadAll(board, file, ""); err == nil {
		t.Error("a file for a directory")
	}
	write("40.toml", "compatible = [\"v,other\"]\ncolour = 1\n")
	if _, err := LoadAll(board, dir, ""); !errors.Is(err, ErrInvalid) || strings.Count(err.Error(), "colour") != 1 {
		t.Errorf("a file that is wrong, of another board: %v", err)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(good), []byte("[[processor]]\nname=\"dsp0\"\nwindow=[]\n"))
	f.Add([]byte("pool=[{},{}]\nheap=[]"), []byte("[[quota]]\n[[quota]]"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p, err := Merge(Layer{"a", a}, Layer{"b", b})
		if (p == nil) == (err == nil) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("profile %v, error %v", p, err)
		}
		if p != nil {
			p.Values()
			p.Regions()
		}
	})
}
