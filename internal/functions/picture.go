// SPDX-License-Identifier: Apache-2.0

package functions

import "math"

// picture checks the geometry that gauss5x5 and sobel3x3 share. The last row needs only width bytes.
func picture(out, in []byte, width, height, stride uint64) error {
	switch {
	case width > math.MaxInt32 || height > math.MaxInt32 || stride > math.MaxInt32:
		return badArgs("picture of %d x %d, stride %d: too large", width, height, stride)
	case stride < width:
		return badArgs("stride %d is less than width %d", stride, width)
	case width == 0 || height == 0:
		return nil
	}
	need := (height-1)*stride + width
	switch {
	case uint64(len(in)) < need:
		return badBuffer("picture has %d bytes, %d x %d with stride %d needs %d", len(in), width, height, stride, need)
	case uint64(len(out)) < need:
		return badBuffer("out has %d bytes, %d x %d with stride %d needs %d", len(out), width, height, stride, need)
	case overlap(out[:need], in[:need]):
		return badBuffer("out overlaps the picture")
	}
	return nil
}

// row returns row y of a picture, rows outside it repeating the edge.
func row(p []byte, y, w, h, stride int) []byte {
	y = min(max(y, 0), h-1)
	return p[y*stride : y*stride+w]
}

// Gauss5x5 smooths an 8-bit picture with the kernel [1 4 6 4 1] in both directions and returns the number of pixels.
// Bytes between width and stride are not touched.
func Gauss5x5(out, in []byte, width, height, stride uint64) (uint64, error) {
	if err := picture(out, in, width, height, stride); err != nil || width == 0 || height == 0 {
		return 0, err
	}
	w, h, s := int(width), int(height), int(stride)
	// The kernel is separable and the column sums (at most 16*255) are exact, so rounding happens once, as in the formula.
	cols := make([]uint32, w+4)
	for y := range h {
		a, b, c := row(in, y-2, w, h, s), row(in, y-1, w, h, s), row(in, y, w, h, s)
		d, e := row(in, y+1, w, h, s), row(in, y+2, w, h, s)
		mid := cols[2 : 2+w]
		for x := range mid {
			mid[x] = uint32(a[x]) + uint32(e[x]) + 4*(uint32(b[x])+uint32(d[x])) + 6*uint32(c[x])
		}
		cols[0], cols[1] = mid[0], mid[0]
		cols[w+2], cols[w+3] = mid[w-1], mid[w-1]
		dst := out[y*s : y*s+w]
		for x := range dst {
			v := cols[x : x+5 : x+5]
			dst[x] = byte((v[0] + v[4] + 4*(v[1]+v[3]) + 6*v[2] + 128) >> 8)
		}
	}
	return width * height, nil
}

// Sobel3x3 writes min(255, |gx|+|gy|) of an 8-bit picture and returns the number of pixels. Bytes between width and
// stride are not touched.
func Sobel3x3(out, in []byte, width, height, stride uint64) (uint64, error) {
	if err := picture(out, in, width, height, stride); err != nil || width == 0 || height == 0 {
		return 0, err
	}
	w, h, s := int(width), int(height), int(stride)
	for y := range h {
		a, b, c := row(in, y-1, w, h, s), row(in, y, w, h, s), row(in, y+1, w, h, s)
		dst := out[y*s : y*s+w]
		for x := range dst {
			l, r := max(x-1, 0), min(x+1, w-1)
			gx := int(a[r]) + 2*int(b[r]) + int(c[r]) - int(a[l]) - 2*int(b[l]) - int(c[l])
			gy := int(c[l]) + 2*int(c[x]) + int(c[r]) - int(a[l]) - 2*int(a[x]) - int(a[r])
			dst[x] = byte(min(255, max(gx, -gx)+max(gy, -gy)))
		}
	}
	return width * height, nil
}
