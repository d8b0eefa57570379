// SPDX-License-Identifier: Apache-2.0

#include "data.h"

static int32_t sat16(int64_t v)
{
	return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : (int32_t)v;
}

static uint32_t refuse(uint32_t code, const char **why, const char *reason)
{
	*why = reason;
	return code;
}

static bool partly(struct offload_out out, struct offload_in in)
{
	return offload_overlap(out.data, out.length, in.data, in.length) &&
	       !(out.length == in.length && (const uint8_t *)out.data == in.data);
}

uint32_t offload_add_i16(struct offload_out out, struct offload_in a, struct offload_in b, const char **why)
{
	size_t i;

	if (a.length != b.length)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "a and b differ in length");
	if (a.length % 2)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "not whole int16");
	if (out.length < a.length)
		return refuse(OFFLOAD_BAD_BUFFER, why, "out is too short");
	if (out.length != a.length)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "out is longer than a");
	if (partly(out, a) || partly(out, b))
		return refuse(OFFLOAD_BAD_BUFFER, why, "out overlaps an input in part");
	for (i = 0; i < out.length; i += 2)
		offload_store16(out.data + i, sat16((int64_t)offload_s16(a.data + i) + offload_s16(b.data + i)));
	return 0;
}

// Shift right of a negative number is the compiler's choice in C99; the division is exact for it.
static int64_t round_q15(int64_t sum)
{
	sum += 0x4000;
	return sum >= 0 ? sum / 32768 : -((-sum + 32767) / 32768);
}

uint32_t offload_fir_q15(struct offload_out out, struct offload_in x, struct offload_in h, const char **why)
{
	size_t taps = h.length / 2, n, k, last;
	int64_t sum;

	if (x.length % 2 || h.length % 2)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "not whole int16");
	if (taps < 1 || taps > OFFLOAD_MAX_TAPS)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "1 to 1024 taps");
	if (out.length < x.length)
		return refuse(OFFLOAD_BAD_BUFFER, why, "out is too short");
	if (out.length != x.length)
		return refuse(OFFLOAD_BAD_ARGUMENTS, why, "out is longer than x");
	if (offload_overlap(out.data, out.length, x.data, x.length) ||
	    offload_overlap(out.data, out.length, h.data, h.length))
		return refuse(OFFLOAD_BAD_BUFFER, why, "out overlaps an input");
	for (n = 0; n < x.length / 2; n++) {
		last = n + 1 < taps ? n + 1 : taps;
		sum = 0;
		for (k = 0; k < last; k++)
			sum += (int64_t)offload_s16(h.data + 2 * k) * offload_s16(x.data + 2 * (n - k));
		offload_store16(out.data + 2 * n, sat16(round_q15(sum)));
	}
	return 0;
}
