// SPDX-License-Identifier: Apache-2.0

#include "data.h"

static uint32_t picture(struct offload_out out, struct offload_in in, uint64_t width, uint64_t height, uint64_t stride,
			const char **why)
{
	uint64_t need;

	if (width > INT32_MAX || height > INT32_MAX || stride > INT32_MAX) {
		*why = "picture too large";
		return OFFLOAD_BAD_ARGUMENTS;
	}
	if (stride < width) {
		*why = "stride is less than width";
		return OFFLOAD_BAD_ARGUMENTS;
	}
	if (width == 0 || height == 0)
		return 0;
	need = (height - 1) * stride + width;
	*why = NULL;
	if (in.length < need)
		*why = "picture is too short";
	else if (out.length < need)
		*why = "out is too short";
	else if (offload_overlap(out.data, (size_t)need, in.data, (size_t)need))
		*why = "out overlaps the picture";
	return *why ? OFFLOAD_BAD_BUFFER : 0;
}

// Row y, or the edge nearest to it.
static const uint8_t *row(const uint8_t *data, int32_t y, int32_t height, size_t stride)
{
	return data + (size_t)(y < 0 ? 0 : y >= height ? height - 1 : y) * stride;
}

static uint32_t column(const uint8_t *const r[5], int32_t x, int32_t width)
{
	x = x < 0 ? 0 : x >= width ? width - 1 : x;
	return r[0][x] + r[4][x] + 4u * (r[1][x] + r[3][x]) + 6u * r[2][x];
}

// The kernel is separable and the sums of columns (at most 16 * 255) are exact: a window of five of them moves along
// the row, and rounding happens once.
uint32_t offload_gauss5x5(struct offload_out out, struct offload_in in, uint64_t width, uint64_t height,
			  uint64_t stride, const char **why)
{
	uint32_t code = picture(out, in, width, height, stride, why), c[5];
	int32_t w = (int32_t)width, h = (int32_t)height, x, y, i;
	const uint8_t *r[5];
	uint8_t *to;

	if (code || !w)
		return code;
	for (y = 0; y < h; y++) {
		for (i = 0; i < 5; i++)
			r[i] = row(in.data, y - 2 + i, h, (size_t)stride);
		for (i = 0; i < 4; i++)
			c[i + 1] = column(r, i - 2, w);
		to = out.data + (size_t)y * (size_t)stride;
		for (x = 0; x < w; x++) {
			c[0] = c[1], c[1] = c[2], c[2] = c[3], c[3] = c[4];
			c[4] = column(r, x + 2, w);
			to[x] = (uint8_t)((c[0] + c[4] + 4 * (c[1] + c[3]) + 6 * c[2] + 128) >> 8);
		}
	}
	return 0;
}

static uint32_t magnitude(int32_t v)
{
	return (uint32_t)(v < 0 ? -v : v);
}

uint32_t offload_sobel3x3(struct offload_out out, struct offload_in in, uint64_t width, uint64_t height,
			  uint64_t stride, const char **why)
{
	uint32_t code = picture(out, in, width, height, stride, why), sum;
	int32_t w = (int32_t)width, h = (int32_t)height, x, y, l, r, gx, gy;
	const uint8_t *a, *b, *c;
	uint8_t *to;

	if (code || !w)
		return code;
	for (y = 0; y < h; y++) {
		a = row(in.data, y - 1, h, (size_t)stride);
		b = row(in.data, y, h, (size_t)stride);
		c = row(in.data, y + 1, h, (size_t)stride);
		to = out.data + (size_t)y * (size_t)stride;
		for (x = 0; x < w; x++) {
			l = x ? x - 1 : 0;
			r = x < w - 1 ? x + 1 : x;
			gx = a[r] + 2 * b[r] + c[r] - a[l] - 2 * b[l] - c[l];
			gy = c[l] + 2 * c[x] + c[r] - a[l] - 2 * a[x] - a[r];
			sum = magnitude(gx) + magnitude(gy);
			to[x] = (uint8_t)(sum > 255 ? 255 : sum);
		}
	}
	return 0;
}
