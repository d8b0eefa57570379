// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/offload-runtime/offload/sim"
)

// grey reads a result.
func grey(t *testing.T, path string) *image.Gray {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	g, ok := img.(*image.Gray)
	if !ok {
		t.Fatalf("%s is %T", path, img)
	}
	return g
}

// edgesOf computes the demonstration pixel by pixel, in another way than package functions.
func edgesOf(g *image.Gray, tile image.Rectangle) *image.Gray {
	clamp := func(v, lo, hi int) int { return min(max(v, lo), hi-1) }
	at := func(g *image.Gray, r image.Rectangle, x, y int) int {
		return int(g.GrayAt(clamp(x, r.Min.X, r.Max.X), clamp(y, r.Min.Y, r.Max.Y)).Y)
	}
	smooth := image.NewGray(g.Rect)
	weights := [5]int{1, 4, 6, 4, 1}
	sobel := func(dst, src *image.Gray, r image.Rectangle) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				p := func(dx, dy int) int { return at(src, r, x+dx, y+dy) }
				gx := p(1, -1) + 2*p(1, 0) + p(1, 1) - p(-1, -1) - 2*p(-1, 0) - p(-1, 1)
				gy := p(-1, 1) + 2*p(0, 1) + p(1, 1) - p(-1, -1) - 2*p(0, -1) - p(1, -1)
				dst.SetGray(x, y, color.Gray{Y: uint8(min(255, max(gx, -gx)+max(gy, -gy)))})
			}
		}
	}
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			sum := 128
			for j, wy := range weights {
				for i, wx := range weights {
					sum += wx * wy * at(g, g.Rect, x+i-2, y+j-2)
				}
			}
			smooth.SetGray(x, y, color.Gray{Y: uint8(sum >> 8)})
		}
	}
	edges := image.NewGray(g.Rect)
	sobel(edges, smooth, g.Rect)
	sobel(edges, g, tile)
	return edges
}

func TestDemo(t *testing.T) {
	for _, processor := range []string{"dsp0", "core0"} {
		out := filepath.Join(t.TempDir(), "edges.png")
		o := tool(t, "demo", "--processor", processor, "-o", out)
		o.want(t, exitOK, "and the host agree on all 15,450 pixels", "")
		pic, err := loadPicture("")
		if err != nil {
			t.Fatal(err)
		}
		want := edgesOf(pic.image(), middle(pic.width, pic.height))
		if got := grey(t, out); !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%s: the result is not the edges of the picture", processor)
		}
		// What is left when the times are taken away is the same each time.
		text := regexp.MustCompile(` +\d[\d.]* (ns|µs|ms|s) `).ReplaceAllString(o.stdout, " TIME ")
		text = regexp.MustCompile(`(?m) +\d+$`).ReplaceAllString(text, " BYTES") // ids of requests have more or fewer digits
		text = regexp.MustCompile(` in \S+edges.png`).ReplaceAllString(text, " in edges.png")
		golden(t, "demo-"+processor, text)
	}
}

// TestDemoAccount checks the numbers that are printed against what must have happened.
func TestDemoAccount(t *testing.T) {
	for _, processor := range []string{"dsp0", "core0"} {
		o := tool(t, "demo", "--json", "--processor", processor, "-o", filepath.Join(t.TempDir(), "edges.png"))
		var v struct {
			Buffers []bufferRow
			Steps   []step
			Wrong   int    `json:"wrong_pixels"`
			CRC     uint32 `json:"crc32c"`
		}
		if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || len(v.Buffers) != 5 || len(v.Steps) != 7 || v.Wrong != 0 {
			t.Fatalf("%v, %+v", err, v)
		}
		pic, err := loadPicture("")
		if err != nil {
			t.Fatal(err)
		}
		want := edgesOf(pic.image(), middle(pic.width, pic.height))
		if got := crc32.Checksum(want.Pix, crc32.MakeTable(crc32.Castagnoli)); got != v.CRC {
			t.Errorf("CRC %#x, want %#x", v.CRC, got)
		}
		for _, b := range v.Buffers[:3] {
			if b.Heap != "ddr" || (b.Physical == b.Device) != (processor == "core0") {
				t.Errorf("%s: %+v", processor, b)
			}
		}
		for _, b := range v.Buffers[3:] {
			if b.Heap != "msmc" {
				t.Errorf("%s: %+v", processor, b)
			}
		}
		synced := uint64(0)
		for _, s := range v.Steps {
			synced += s.Synced
			if (s.Where == processor) != (s.Sent > 0) || (s.Where == "host") != (s.Copied > 0) || s.Micros <= 0 {
				t.Errorf("%s: %+v", processor, s)
			}
		}
		switch gauss, sobel := v.Steps[1].Synced, v.Steps[2].Synced; {
		case processor == "core0" && synced > 0:
			t.Errorf("%d bytes synchronised for a coherent processor", synced)
		case processor == "dsp0" && (gauss != 2*16384 || sobel != 16384):
			// The smooth picture goes from call to call: no synchronisation.
			t.Errorf("gauss synchronised %d bytes, sobel %d", gauss, sobel)
		}
	}
}

// TestDemoWrong wants that a processor that computes something else is found out.
func TestDemoWrong(t *testing.T) {
	few, wrong := sim.NewMux(), sim.NewMux()
	few.HandleFunc("gauss5x5", func(c *sim.Call) error {
		c.Out()
		c.Data()
		c.Uint()
		c.Uint()
		c.Uint()
		return c.ResultUint(1)
	})
	for _, name := range []string{"gauss5x5", "sobel3x3"} {
		wrong.HandleFunc(name, func(c *sim.Call) error {
			_, _, w, h, _ := c.Out(), c.Data(), c.Uint(), c.Uint(), c.Uint()
			if err := c.End(); err != nil {
				return err
			}
			return c.ResultUint(w * h)
		})
	}
	out := filepath.Join(t.TempDir(), "x.png")
	c := &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"functions": wrong}}}
	o := run(t, t.Context(), c, "demo", "-o", out)
	if o.code != exitWrongResult || !regexp.MustCompile(`differ in \d+ of 15450 pixels`).MatchString(o.stderr) || regexp.MustCompile("agree").MatchString(o.stdout) {
		t.Errorf("%+v", o)
	}
	c = &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"functions": few}}}
	run(t, t.Context(), c, "demo", "-o", out).want(t, exitProtocol, "", "wrote 1 pixels, not 15450")
	c = &cli{prepare: inject(sim.Fault{Kind: sim.CrashBefore, Method: "sobel3x3"})}
	run(t, t.Context(), c, "demo", "-o", out).want(t, exitCrashed, "", "sobel3x3")
	synctest.Test(t, func(t *testing.T) {
		c := &cli{prepare: inject(sim.Fault{Kind: sim.Hang, Method: "sobel3x3", Skip: 1})}
		run(t, t.Context(), c, "demo", "-o", out).want(t, exitTimeout, "", "tile → tile edges")
	})
	c = &cli{prepare: inject(sim.Fault{Kind: sim.NoMemory, Heap: "msmc", Skip: 1})}
	run(t, t.Context(), c, "demo", "-o", out).want(t, exitNoMemory, "", "msmc")
}

func TestMiddle(t *testing.T) {
	for _, test := range []struct {
		w, h int
		want image.Rectangle
	}{
		{1, 1, image.Rect(0, 0, 1, 1)}, {2, 3, image.Rect(0, 1, 1, 2)}, {100, 50, image.Rect(25, 12, 75, 37)},
		{4000, 3000, image.Rect(1744, 1372, 2256, 1628)}, {1, 1 << 26, image.Rect(0, 1<<25-128, 1, 1<<25+128)},
	} {
		if got := middle(test.w, test.h); got != test.want {
			t.Errorf("%d × %d: %v, want %v", test.w, test.h, got, test.want)
		}
	}
}

// pattern is a picture with something in each pixel.
func pattern(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(-3, 5, w-3, 5+h))
	for i := range img.Pix {
		img.Pix[i] = uint8(i*i) | 0x80*uint8(i&1)
	}
	return img
}

func encoded(t *testing.T, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDemoSizes takes pictures of awkward sizes.
func TestDemoSizes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 2}, {3, 3}, {7, 1}, {1, 700}, {1100, 3}, {64, 64}, {1031, 523}} {
		img := pattern(size.X, size.Y)
		in := file(t, "in.png", encoded(t, img))
		out := filepath.Join(t.TempDir(), "out.png")
		tool(t, "demo", in, "-o", out).want(t, exitOK, "agree", "")
		pic, err := loadPicture(in)
		if err != nil {
			t.Fatal(err)
		}
		tile := middle(size.X, size.Y)
		if got, want := grey(t, out), edgesOf(pic.image(), tile); !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%v: not the edges of the picture", size)
		}
		if tile.Empty() || !tile.In(image.Rect(0, 0, size.X, size.Y)) {
			t.Errorf("%v: tile %v", size, tile)
		}
	}
}

func TestDemoFormats(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, pattern(40, 30), nil); err != nil {
		t.Fatal(err)
	}
	in := file(t, "in.jpeg", b.String())
	out := filepath.Join(t.TempDir(), "directory", "out.png")
	tool(t, "demo", in, "-o", out, "--side-by-side").want(t, exitOK, "40 × 30 pixels", "")
	if g := grey(t, out); g.Rect != image.Rect(0, 0, 84, 30) {
		t.Errorf("side by side: %v", g.Rect)
	}
	// The result may overwrite an earlier one.
	tool(t, "demo", in, "-o", out).want(t, exitOK, "agree", "")
	if g := grey(t, out); g.Rect != image.Rect(0, 0, 40, 30) {
		t.Errorf("%v", g.Rect)
	}
}

func TestDemoBadPictures(t *testing.T) {
	good := encoded(t, pattern(50, 50))
	// promise is a file whose header promises so many pixels: width and height are bytes 16 to 23, a CRC is behind them.
	promise := func(w, h uint32) string {
		b := []byte(good)
		binary.BigEndian.PutUint32(b[16:], w)
		binary.BigEndian.PutUint32(b[20:], h)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return string(b)
	}
	dir := t.TempDir()
	self := file(t, "self.png", good)
	for _, test := range []struct {
		name, path string
		code       exitCode
		text       string
	}{
		{"empty", file(t, "x", ""), exitOther, "the file is empty"},
		{"text", file(t, "x", "hello"), exitOther, "neither PNG nor JPEG"},
		{"truncated", file(t, "x", good[:len(good)/2]), exitOther, "no picture that can be used"},
		{"changed", file(t, "x", good[:60]+"x"+good[61:]), exitOther, "no picture that can be used"},
		{"promises", file(t, "x", promise(1<<31-1, 1<<31-1)), exitOther, "no picture that can be used"},
		{"wide", file(t, "x", promise(1<<26+1, 1)), exitOther, "at most 67,108,864"},
		{"high", file(t, "x", promise(1, 1<<31-1)), exitOther, "at most 67,108,864"},
		{"a directory", dir, exitOther, "it is a directory"},
		{"nothing", dir + "/x", exitNotFound, "no such file"},
		{"itself", self, exitUsage, "overwrite"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.png")
			if test.name == "itself" {
				out = self
			}
			tool(t, "demo", test.path, "-o", out).want(t, test.code, "", test.text)
			if _, err := os.Stat(out); err == nil && out != self {
				t.Error("a result of a picture that is none")
			}
		})
	}
	if b, err := os.ReadFile(self); err != nil || string(b) != good {
		t.Error("the picture was overwritten")
	}
	// More than the heap holds: 3 × 700 KB of the 1 MiB of msmc.
	in := file(t, "in.png", encoded(t, pattern(1000, 700)))
	tool(t, "demo", in, "--heap", "msmc", "-o", filepath.Join(dir, "o.png")).want(t, exitNoMemory, "", "msmc")
}

// FuzzPicture wants that no file crashes the decoder or makes it take more memory than it says.
func FuzzPicture(f *testing.F) {
	f.Add(photograph[:200])
	f.Add([]byte("\xff\xd8\xff\xe0"))
	var b bytes.Buffer
	if err := png.Encode(&b, pattern(3, 2)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 24 && string(b[12:16]) == "IHDR" && (b[16]|b[17]|b[20]|b[21]) != 0 {
			t.Skip("a picture of more than 65535 pixels a side is slow")
		}
		p, err := decodePicture("fuzz", b)
		if err == nil && (p.width < 1 || p.height < 1 || len(p.pix) != p.width*p.height) {
			t.Fatalf("%d × %d pixels, %d bytes", p.width, p.height, len(p.pix))
		}
	})
}
