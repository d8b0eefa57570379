// SPDX-License-Identifier: Apache-2.0
//
// Refusals and corners of the function set; that results agree with the reference is the Go test's matter.

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static struct offload_in in(const void *data, size_t length)
{
	struct offload_in i;

	i.data = data;
	i.length = length;
	return i;
}

static struct offload_out out(void *data, size_t length)
{
	struct offload_out o;

	o.data = data;
	o.length = length;
	return o;
}

static void test_bytes(void)
{
	uint8_t *ones = malloc(100000);
	unsigned i;

	memset(ones, 255, 100000);
	for (i = 0; i < 9; i++)
		CHECK(offload_sum(in(ones + i, 90000)) == 90000ull * 255);
	for (i = 0; i < 20; i++)
		CHECK(offload_sum(in(ones + 3, i)) == 255 * i);
	CHECK(offload_crc32c(in("123456789", 9)) == 0xe3069283);
	CHECK(offload_crc32c(in("", 0)) == 0);
	free(ones);
}

static void test_vectors_saturate(void)
{
	static const uint8_t high[] = { 0xff, 0x7f, 0x00, 0x80, 0x01, 0x00 }, one[] = { 0x01, 0x00, 0xff, 0xff, 0xfe, 0xff };
	static const uint8_t want[] = { 0xff, 0x7f, 0x00, 0x80, 0xff, 0xff }, minus[] = { 0x00, 0x80 };
	const char *why = NULL;
	uint8_t o[8];

	CHECK(offload_add_i16(out(o, 6), in(high, 6), in(one, 6), &why) == 0 && memcmp(o, want, 6) == 0);
	CHECK(offload_add_i16(out(o, 6), in(high, 6), in(one, 4), &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_add_i16(out(o, 5), in(high, 5), in(one, 5), &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_add_i16(out(o, 4), in(high, 6), in(one, 6), &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_add_i16(out(o, 8), in(high, 6), in(one, 6), &why) == OFFLOAD_BAD_ARGUMENTS);
	memcpy(o, high, 6);
	CHECK(offload_add_i16(out(o, 6), in(o, 6), in(one, 6), &why) == 0 && memcmp(o, want, 6) == 0);
	CHECK(offload_add_i16(out(o, 6), in(o + 2, 6), in(one, 6), &why) == OFFLOAD_BAD_BUFFER);
	// -32768 * -32768 = 2^30, rounds and saturates to 32767
	CHECK(offload_fir_q15(out(o, 2), in(minus, 2), in(minus, 2), &why) == 0 && o[0] == 0xff && o[1] == 0x7f);
	// (-4 * 16385 + 16384) >> 15 = -2: rounds down, not towards 0
	CHECK(offload_fir_q15(out(o, 2), in("\xfd\xff", 2), in("\x00\x40", 2), &why) == 0 && o[0] == 0xff && o[1] == 0xff);
	CHECK(offload_fir_q15(out(o, 2), in("\xfc\xff", 2), in("\x01\x40", 2), &why) == 0 && o[0] == 0xfe && o[1] == 0xff);
	CHECK(offload_fir_q15(out(o, 2), in(minus, 2), in(minus, 0), &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_fir_q15(out(o, 4), in(o + 4, 4), in(minus, 2), &why) == 0);
	CHECK(offload_fir_q15(out(o, 4), in(o + 2, 4), in(minus, 2), &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_fir_q15(out(o, 2), in(o + 2, 4), in(minus, 2), &why) == OFFLOAD_BAD_BUFFER);
}

static void test_geometry(void)
{
	static uint8_t a[64], o[64];
	const uint64_t big = UINT64_MAX;
	const char *why = NULL;

	CHECK(offload_sobel3x3(out(o, 64), in(a, 64), 8, 8, 8, &why) == 0);
	CHECK(offload_sobel3x3(out(o, 63), in(a, 64), 8, 8, 8, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_sobel3x3(out(o, 64), in(a, 63), 8, 8, 8, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_sobel3x3(out(o, 60), in(a, 60), 4, 8, 8, &why) == 0); // the last row needs only its width
	CHECK(offload_sobel3x3(out(o, 59), in(a, 60), 4, 8, 8, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_gauss5x5(out(o, 64), in(a, 64), 8, 8, 7, &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_gauss5x5(out(o, 64), in(a, 64), 1, big, 1, &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_gauss5x5(out(o, 64), in(a, 64), 1, 0x7fffffff, 0x7fffffff, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_gauss5x5(out(o, 0), in(a, 0), 0, 8, 0, &why) == 0);
	CHECK(offload_gauss5x5(out(o, 0), in(a, 0), 8, 0, 8, &why) == 0);
	CHECK(offload_gauss5x5(out(a, 32), in(a + 31, 32), 8, 4, 8, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_gauss5x5(out(a, 32), in(a + 32, 32), 8, 4, 8, &why) == 0);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 8), in(a, 8), 4, 4, 2, &why) == 0);
	CHECK(offload_matmul_i8(out(o, 63), in(a, 8), in(a, 8), 4, 4, 2, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 7), in(a, 8), 4, 4, 2, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 8), in(a, 7), 4, 4, 2, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 64), in(a, 64), 0x7fffffff, 0x7fffffff, 0x7fffffff, &why) == OFFLOAD_BAD_BUFFER);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 64), in(a, 64), (uint64_t)1 << 33, 1, 0, &why) == OFFLOAD_BAD_ARGUMENTS);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 64), in(o + 60, 4), 1, 1, 4, &why) == 0);
	CHECK(offload_matmul_i8(out(o, 64), in(a, 64), in(o + 3, 4), 1, 1, 4, &why) == OFFLOAD_BAD_BUFFER);
}

void test_functions(void)
{
	test_bytes();
	test_vectors_saturate();
	test_geometry();
}
