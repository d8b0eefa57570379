// SPDX-License-Identifier: Apache-2.0
//
// Floating point apart from the rest: firmware that uses none links none.

#include "kit.h"

double offload_arg_f64(struct offload_call *c)
{
	struct cursor at = { c->at, c->end };
	struct value v;
	uint32_t bits;
	double d;
	float f;
	bool got = c->left && offload_next(&at, &v);

	if (got && v.kind == KIND_F64) {
		memcpy(&d, &v.number, sizeof d);
	} else if (got && v.kind == KIND_F32) {
		bits = (uint32_t)v.number;
		memcpy(&f, &bits, sizeof f);
		d = f;
	} else {
		return (double)offload_arg_i64(c); // an integer is a number too; anything else fails there
	}
	c->left--;
	c->at = at.at;
	return d;
}

void offload_put_f64(struct offload_call *c, double value)
{
	uint8_t bytes[9];
	uint64_t bits;
	unsigned i;

	memcpy(&bits, &value, sizeof bits);
	bytes[0] = 0xcb;
	for (i = 0; i < 8; i++)
		bytes[1 + i] = (uint8_t)(bits >> (8 * (7 - i)));
	offload_put(c, bytes, sizeof bytes, NULL, 0, 0);
}
