// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/subbuf"
)

const demoLong = `Find the edges in a picture with a remote processor, and show what happens on the way. The picture
goes into a buffer; the processor smooths it and finds the edges. Then one tile of the picture goes
through sub-buffers in on-chip memory, where the processor finds its edges without smoothing, and
comes back into the result. The host computes the same and compares.

PICTURE is a PNG or JPEG file; without one it is a photograph that ships with the tool.`

// tileWidth and tileHeight bound the tile, so that two of it fit into small on-chip memories.
const tileWidth, tileHeight = 512, 256

// demo is one run of the demonstration.
type demo struct {
	c        *cli
	rt       *runtime.Runtime
	s        *runtime.Session
	pic      picture
	tile     image.Rectangle
	heap     string
	tileHeap string

	buffers []bufferRow
	steps   []step
	edges   picture // the result
}

// step is one line of the account.
type step struct {
	Name   string        `json:"name"`
	Where  string        `json:"where"`
	Micros float64       `json:"time_us"`
	Synced uint64        `json:"bytes_synced"`
	Copied uint64        `json:"bytes_copied"`
	Sent   uint64        `json:"bytes_sent"`
	took   time.Duration // Micros, for people
}

func (c *cli) demoCommand() *cobra.Command {
	var fw firmwareFile
	var processor, output string
	var both bool
	d := &demo{c: c}
	cmd := &cobra.Command{
		Use: "demo [PICTURE]", Short: "Find the edges in a picture with a remote processor", Long: demoLong,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			input := ""
			if len(args) > 0 {
				input = args[0]
			}
			if err := checkOutput(output, input); err != nil {
				return err
			}
			if d.pic, err = loadPicture(input); err != nil {
				return err
			}
			return c.withSession(cmd.Context(), fw, runtime.SessionConfig{Processor: processor},
				func(rt *runtime.Runtime, s *runtime.Session) error {
					d.rt, d.s = rt, s
					return d.run(cmd.Context(), output, both)
				})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "offload-demo.png", "`FILE` for the result, a PNG picture")
	f.BoolVar(&both, "side-by-side", false, "write the picture and the result beside each other")
	f.StringVar(&processor, "processor", "dsp0", "the processor that works")
	f.StringVar(&d.heap, "heap", "", "heap of the buffers (default: one that the processor reaches)")
	f.StringVar(&d.tileHeap, "tile-heap", "", "heap of the tile's sub-buffers (default: an on-chip heap, or that of the buffers)")
	fw.sessionFlags(cmd)
	return cmd
}

func (d *demo) run(ctx context.Context, output string, both bool) error {
	d.tile = middle(d.pic.width, d.pic.height)
	if err := d.chooseTileHeap(); err != nil {
		return err
	}
	if err := d.work(ctx); err != nil {
		return err
	}
	wrong, err := d.compare()
	if err != nil {
		return err
	}
	var result image.Image = d.edges.image()
	if both {
		result = beside(d.pic, d.edges)
	}
	if err := writePicture(output, result); err != nil {
		return err
	}
	if err := d.show(output, wrong); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%s and the host differ in %d of %d pixels: %w", d.s.Processor(), wrong, len(d.pic.pix), errWrongResult)
	}
	return nil
}

// chooseTileHeap takes on-chip memory if the board has some. Without, the sub-buffers come from their parents' heap.
func (d *demo) chooseTileHeap() error {
	list, err := d.rt.Heaps()
	for _, h := range list {
		if d.tileHeap == "" && h.OnChip && h.Mappable {
			d.tileHeap = h.Name
		}
	}
	return err
}

// middle is the tile: half the picture in both directions, in its middle.
func middle(width, height int) image.Rectangle {
	w, h := min(max(width/2, 1), tileWidth), min(max(height/2, 1), tileHeight)
	p := image.Pt((width-w)/2, (height-h)/2)
	return image.Rectangle{Min: p, Max: p.Add(image.Pt(w, h))}
}

// work is the demonstration itself.
func (d *demo) work(ctx context.Context) error {
	n := int64(len(d.pic.pix))
	var in, smooth, edges *runtime.Buffer
	for _, b := range []struct {
		name string
		dst  **runtime.Buffer
	}{{"picture", &in}, {"smooth", &smooth}, {"edges", &edges}} {
		buf, err := d.rt.Alloc(ctx, runtime.AllocConfig{Size: n, Heap: d.heap, For: []string{d.s.Processor()}, Name: b.name})
		if err != nil {
			return err
		}
		defer buf.Close()
		if err := d.locate(b.name, buf, n); err != nil {
			return err
		}
		*b.dst = buf
	}
	host, remote := "host", d.s.Processor()
	w, h := d.pic.width, d.pic.height
	err := d.step("picture into its buffer", host, n, func() error {
		_, err := in.WriteAt(d.pic.pix, 0)
		return err
	})
	if err == nil {
		err = d.step("gauss5x5: picture → smooth", remote, 0, func() error {
			return d.filter(ctx, "gauss5x5", smooth.Out(), in.In(), w, h)
		})
	}
	if err == nil {
		err = d.step("sobel3x3: smooth → edges", remote, 0, func() error {
			return d.filter(ctx, "sobel3x3", edges.Out(), smooth.In(), w, h)
		})
	}
	if err == nil {
		err = d.throughTile(ctx, in, edges)
	}
	if err != nil {
		return err
	}
	d.edges = picture{"edges", w, h, make([]byte, n)}
	return d.step("edges out of their buffer", host, n, func() error {
		_, err := edges.ReadAt(d.edges.pix, 0)
		return err
	})
}

// throughTile takes the tile through sub-buffers.
func (d *demo) throughTile(ctx context.Context, in, edges *runtime.Buffer) (err error) {
	w, h := d.tile.Dx(), d.tile.Dy()
	n := int64(w) * int64(h)
	host, remote := "host", d.s.Processor()
	region := subbuf.Rect{
		Origin: [3]int64{int64(d.tile.Min.X), int64(d.tile.Min.Y)}, Size: [3]int64{int64(w), int64(h), 1}, RowPitch: int64(d.pic.width),
	}
	var src, dst *runtime.Sub
	sub := func(b *runtime.Buffer, to **runtime.Sub, a dmabuf.Access, name string) error {
		s, err := b.Sub(ctx, runtime.SubConfig{Region: region, Access: a, Mode: subbuf.Copy, Heap: d.tileHeap, Name: name})
		*to = s
		return err
	}
	if err := d.step("tile out of the picture", host, n, func() error { return sub(in, &src, dmabuf.Read, "tile") }); err != nil {
		return err
	}
	defer src.Close()
	if err := sub(edges, &dst, dmabuf.Write, "tile edges"); err != nil {
		return err
	}
	defer dst.Close()
	for _, s := range []*runtime.Sub{src, dst} {
		if err := d.locate(s.Name(), s.Buffer(), s.Len()); err != nil {
			return err
		}
	}
	err = d.step("sobel3x3: tile → tile edges", remote, 0, func() error {
		return d.filter(ctx, "sobel3x3", dst.Out(), src.In(), w, h)
	})
	if err != nil {
		return err
	}
	return d.step("tile edges back into edges", host, n, dst.Commit)
}

// filter calls a function that makes a picture of a picture.
func (d *demo) filter(ctx context.Context, method string, out, in runtime.Ref, width, height int) error {
	ctx, cancel := d.c.limit(ctx)
	defer cancel()
	var pixels uint64
	if err := d.s.Call(ctx, method, &pixels, out, in, width, height, width); err != nil {
		return err
	}
	if want := uint64(width) * uint64(height); pixels != want {
		return fmt.Errorf("%s on %s: wrote %d pixels, not %d: %w", method, d.s.Processor(), pixels, want, runtime.ErrProtocol)
	}
	return nil
}

// step runs f and enters it into the account. copied is what f copies.
func (d *demo) step(name, where string, copied int64, f func() error) error {
	before, began := d.rt.Stats(), time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	took, after := time.Since(began), d.rt.Stats()
	d.steps = append(d.steps, step{
		Name: name, Where: where, Micros: float64(took.Nanoseconds()) / 1000, took: took,
		Synced: after.BytesSynced - before.BytesSynced, Copied: uint64(copied), Sent: after.BytesSent - before.BytesSent,
	})
	return nil
}

// locate enters a buffer into the account.
func (d *demo) locate(name string, b *runtime.Buffer, n int64) error {
	a, err := b.Address(d.s.Processor())
	if err != nil {
		return err
	}
	d.buffers = append(d.buffers, bufferRow{Name: name, Heap: b.Heap(), Size: n, addressJSON: addressOf(a)})
	return nil
}

// compare computes the same on the host and returns how many pixels differ.
func (d *demo) compare() (wrong int, err error) {
	want, err := onHost(d.pic, d.tile)
	if err != nil {
		return 0, err
	}
	if bytes.Equal(want, d.edges.pix) {
		return 0, nil
	}
	for i := range want {
		if want[i] != d.edges.pix[i] {
			wrong++
		}
	}
	return wrong, nil
}

// onHost is the demonstration without a remote processor.
func onHost(p picture, tile image.Rectangle) ([]byte, error) {
	w, h := uint64(p.width), uint64(p.height)
	smooth, edges := make([]byte, len(p.pix)), make([]byte, len(p.pix))
	if _, err := functions.Gauss5x5(smooth, p.pix, w, h, w); err != nil {
		return nil, err
	}
	if _, err := functions.Sobel3x3(edges, smooth, w, h, w); err != nil {
		return nil, err
	}
	var part []byte
	row := func(y int) int { return y*p.width + tile.Min.X }
	for y := tile.Min.Y; y < tile.Max.Y; y++ {
		part = append(part, p.pix[row(y):row(y)+tile.Dx()]...)
	}
	found := slices.Clone(part)
	if _, err := functions.Sobel3x3(found, part, uint64(tile.Dx()), uint64(tile.Dy()), uint64(tile.Dx())); err != nil {
		return nil, err
	}
	for y := tile.Min.Y; y < tile.Max.Y; y++ {
		copy(edges[row(y):], found[(y-tile.Min.Y)*tile.Dx():][:tile.Dx()])
	}
	return edges, nil
}

// show prints the account.
func (d *demo) show(output string, wrong int) error {
	c := d.c
	crc := functions.CRC32C(d.edges.pix)
	if c.json {
		return c.encode(map[string]any{
			"board": d.rt.Board().Name(), "processor": d.s.Processor(), "picture": d.pic.name, "width": d.pic.width, "height": d.pic.height,
			"tile":    map[string]int{"x": d.tile.Min.X, "y": d.tile.Min.Y, "width": d.tile.Dx(), "height": d.tile.Dy()},
			"buffers": d.buffers, "steps": d.steps, "wrong_pixels": wrong, "crc32c": crc, "output": output,
		})
	}
	kind := ""
	if simulated(d.rt.Board()) {
		kind = " (simulated)"
	}
	c.printf("%s on board %s%s finds the edges in %s, %d × %d pixels.\n", d.s.Processor(), d.rt.Board().Name(), kind, clean(d.pic.name), d.pic.width, d.pic.height)
	c.printf("A tile of %d × %d pixels at (%d, %d) takes the way through sub-buffers, without smoothing.\n\n", d.tile.Dx(), d.tile.Dy(), d.tile.Min.X, d.tile.Min.Y)
	t := newTable("BUFFER", "HEAP", ">BYTES", ">PHYSICAL", ">DEVICE")
	for _, b := range d.buffers {
		t.add(b.Name, b.Heap, grouped(uint64(b.Size)), b.Physical, b.Device)
	}
	t.print(c.stdout, "  ")
	c.printf("\n")
	t = newTable("STEP", "WHERE", ">TIME", ">SYNCED", ">COPIED", ">SENT")
	total := step{}
	for _, s := range d.steps {
		t.add(s.Name, s.Where, span(s.took), bytesOrDash(s.Synced), bytesOrDash(s.Copied), bytesOrDash(s.Sent))
		total.took, total.Synced, total.Copied, total.Sent = total.took+s.took, total.Synced+s.Synced, total.Copied+s.Copied, total.Sent+s.Sent
	}
	t.add("together", "", span(total.took), bytesOrDash(total.Synced), bytesOrDash(total.Copied), bytesOrDash(total.Sent))
	t.print(c.stdout, "  ")
	if wrong == 0 {
		c.printf("\n%s and the host agree on all %s pixels (CRC-32C %#08x).\n", d.s.Processor(), grouped(uint64(len(d.pic.pix))), crc)
	}
	c.printf("The result is in %s.\n", output)
	return nil
}
