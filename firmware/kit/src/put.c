// SPDX-License-Identifier: Apache-2.0
//
// Results, value by value.

#include "kit.h"

void offload_put_nil(struct offload_call *c)
{
	offload_put(c, (const uint8_t *)"\xc0", 1, NULL, 0, 0);
}

void offload_put_bool(struct offload_call *c, bool value)
{
	offload_put(c, (const uint8_t *)(value ? "\xc3" : "\xc2"), 1, NULL, 0, 0);
}

void offload_put_u64(struct offload_call *c, uint64_t value)
{
	uint8_t head[9];

	offload_put(c, head, offload_head_uint(head, value), NULL, 0, 0);
}

void offload_put_i64(struct offload_call *c, int64_t value)
{
	uint8_t head[9];

	offload_put(c, head, offload_head_int(head, value), NULL, 0, 0);
}

static void sized(struct offload_call *c, enum offload_kind kind, const void *data, size_t length)
{
	uint8_t head[9];

	// What is far too long has no head of this size; the put refuses it by its length.
	offload_put(c, head, offload_head_size(head, kind, length > UINT16_MAX ? 0 : (uint32_t)length), data, length, 0);
}

void offload_put_bytes(struct offload_call *c, const void *data, size_t length)
{
	sized(c, KIND_BIN, data, length);
}

void offload_put_str(struct offload_call *c, const char *text, size_t length)
{
	sized(c, KIND_STR, text, length);
}

void offload_put_array(struct offload_call *c, uint32_t count)
{
	uint8_t head[9];

	offload_put(c, head, offload_head_size(head, KIND_ARRAY, count), NULL, 0, count);
}

void offload_put_map(struct offload_call *c, uint32_t pairs)
{
	uint8_t head[9];

	offload_put(c, head, offload_head_size(head, KIND_MAP, pairs), NULL, 0, 2 * (uint64_t)pairs);
}

void offload_put_encoded(struct offload_call *c, const void *data, size_t length)
{
	struct cursor at = { data, data };
	bool bad = false;

	if (length)
		at.end += length;
	if (!length || !offload_skip(&at, &bad) || bad || at.at != at.end)
		offload_set_code(c, OFFLOAD_INTERNAL, "encoded result is not one value");
	offload_put(c, NULL, 0, data, length, 0);
}
