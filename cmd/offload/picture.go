// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // the formats that demo reads
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// photograph is image/testdata/video-005.gray.png of the Go distribution; its licence is beside it.
//
//go:embed testdata/photograph.png
var photograph []byte

// What is read at most, so that a few bytes of file do not become gigabytes of memory.
const (
	largestFile = 256 << 20
	mostPixels  = 64 << 20
)

var errPicture = errors.New("no picture that can be used")

// picture is 8-bit grey without gaps between the rows.
type picture struct {
	name          string
	width, height int
	pix           []byte
}

func (p picture) image() *image.Gray {
	return &image.Gray{Pix: p.pix, Stride: p.width, Rect: image.Rect(0, 0, p.width, p.height)}
}

// loadPicture reads a PNG or JPEG file; "" is the photograph that ships with the tool.
func loadPicture(path string) (picture, error) {
	if path == "" {
		return decodePicture("the built-in photograph", photograph)
	}
	f, err := os.Open(path)
	if err != nil {
		return picture{}, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return picture{}, fmt.Errorf("%s: %w: it is a directory", path, errPicture)
	}
	b, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err != nil {
		return picture{}, err
	}
	return decodePicture(path, b)
}

func decodePicture(name string, b []byte) (picture, error) {
	bad := func(format string, args ...any) (picture, error) {
		return picture{}, fmt.Errorf("%s: %w: %w", name, errPicture, fmt.Errorf(format, args...))
	}
	switch {
	case len(b) == 0:
		return bad("the file is empty")
	case len(b) > largestFile:
		return bad("the file is larger than %s", size(largestFile))
	}
	cfg, _, err := image.DecodeConfig(bytes.NewReader(b))
	switch {
	case errors.Is(err, image.ErrFormat):
		return bad("the file is neither PNG nor JPEG")
	case err != nil:
		return bad("%w", err)
	case cfg.Width < 1 || cfg.Height < 1:
		return bad("%d × %d pixels", cfg.Width, cfg.Height)
	case int64(cfg.Width)*int64(cfg.Height) > mostPixels:
		return bad("%d × %d pixels, at most %s", cfg.Width, cfg.Height, grouped(mostPixels))
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return bad("%w", err)
	}
	g := image.NewGray(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(g, g.Rect, img, img.Bounds().Min, draw.Src)
	return picture{name, g.Rect.Dx(), g.Rect.Dy(), g.Pix}, nil
}

// beside returns two pictures of one height, next to each other with a white gap.
func beside(a, b picture) *image.Gray {
	const gap = 4
	g := image.NewGray(image.Rect(0, 0, a.width+gap+b.width, a.height))
	draw.Draw(g, g.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(g, image.Rect(0, 0, a.width, a.height), a.image(), image.Point{}, draw.Src)
	draw.Draw(g, image.Rect(a.width+gap, 0, a.width+gap+b.width, b.height), b.image(), image.Point{}, draw.Src)
	return g
}

// checkOutput looks whether a picture can be written to path, before the work is done.
func checkOutput(path, input string) error {
	if path == "" {
		return usagef("--output: the file has no name")
	}
	if st, err := os.Stat(path); err == nil {
		if st.IsDir() {
			return fmt.Errorf("writing the result: %s is a directory", path)
		}
		if in, err := os.Stat(input); input != "" && err == nil && os.SameFile(st, in) {
			return usagef("--output %s would overwrite the picture itself", path)
		}
		return nil
	}
	// The directory may be made, those above it are no business of ours.
	if _, err := os.Stat(filepath.Dir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

func writePicture(path string, img image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
