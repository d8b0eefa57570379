// SPDX-License-Identifier: Apache-2.0

#include "data.h"

uint32_t offload_matmul_i8(struct offload_out out, struct offload_in a, struct offload_in b, uint64_t m, uint64_t n,
			   uint64_t k, const char **why)
{
	uint64_t need_a, need_b, need_out, i, j, p;
	const uint8_t *row, *column;
	uint32_t sum;

	if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX) {
		*why = "matrices too large";
		return OFFLOAD_BAD_ARGUMENTS;
	}
	// Products of two numbers below 2^31 fit into 62 bits, and four times that into 64.
	need_a = m * k;
	need_b = k * n;
	need_out = 4 * m * n;
	*why = NULL;
	if (a.length < need_a)
		*why = "A is too short";
	else if (b.length < need_b)
		*why = "B is too short";
	else if (out.length < need_out)
		*why = "out is too short";
	else if (offload_overlap(out.data, (size_t)need_out, a.data, (size_t)need_a) ||
		 offload_overlap(out.data, (size_t)need_out, b.data, (size_t)need_b))
		*why = "out overlaps an input";
	if (*why)
		return OFFLOAD_BAD_BUFFER;
	if (!need_out)
		return 0;
	for (i = 0; i < m; i++) {
		row = a.data + (size_t)(i * k);
		for (j = 0; j < n; j++) {
			column = b.data + (size_t)j;
			sum = 0;
			for (p = 0; p < k; p++)
				sum += (uint32_t)(offload_s8(row[p]) * offload_s8(column[(size_t)(p * n)]));
			offload_store32(out.data + 4 * (size_t)(i * n + j), sum);
		}
	}
	return 0;
}
