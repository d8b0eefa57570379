// SPDX-License-Identifier: Apache-2.0

#include "pack.h"

static size_t head(uint8_t *out, uint8_t tag, unsigned width, uint64_t value)
{
	unsigned i;

	out[0] = tag;
	for (i = 0; i < width; i++)
		out[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
	return 1 + width;
}

size_t offload_head_uint(uint8_t out[9], uint64_t value)
{
	if (value < 0x80)
		return head(out, (uint8_t)value, 0, 0);
	if (value <= UINT8_MAX)
		return head(out, 0xcc, 1, value);
	if (value <= UINT16_MAX)
		return head(out, 0xcd, 2, value);
	if (value <= UINT32_MAX)
		return head(out, 0xce, 4, value);
	return head(out, 0xcf, 8, value);
}

size_t offload_head_int(uint8_t out[9], int64_t value)
{
	uint64_t bits = (uint64_t)value;

	if (value >= 0)
		return offload_head_uint(out, bits);
	if (value >= -32)
		return head(out, (uint8_t)bits, 0, 0);
	if (value >= INT8_MIN)
		return head(out, 0xd0, 1, bits);
	if (value >= INT16_MIN)
		return head(out, 0xd1, 2, bits);
	if (value >= INT32_MIN)
		return head(out, 0xd2, 4, bits);
	return head(out, 0xd3, 8, bits);
}

// Short forms hold `fix` sizes below `limit`; str and bin know one byte more than array and map.
size_t offload_head_size(uint8_t out[9], enum offload_kind kind, uint32_t size)
{
	uint8_t fix = 0, tag;
	uint32_t limit = 16;
	bool byte = false;

	switch (kind) {
	case KIND_STR:
		fix = 0xa0, limit = 32, tag = 0xd9, byte = true;
		break;
	case KIND_BIN:
		limit = 0, tag = 0xc4, byte = true;
		break;
	case KIND_MAP:
		fix = 0x80, tag = 0xde;
		break;
	default: // array
		fix = 0x90, tag = 0xdc;
		break;
	}
	if (size < limit)
		return head(out, (uint8_t)(fix | size), 0, 0);
	if (byte) {
		if (size <= UINT8_MAX)
			return head(out, tag, 1, size);
		tag++;
	}
	if (size <= UINT16_MAX)
		return head(out, tag, 2, size);
	return head(out, (uint8_t)(tag + 1), 4, size);
}

void offload_pack_bytes(struct pack *p, const void *data, size_t length)
{
	if ((size_t)(p->end - p->at) < length) {
		p->full = true;
		return;
	}
	if (length)
		memcpy(p->at, data, length);
	p->at += length;
}

void offload_pack_uint(struct pack *p, uint64_t value)
{
	uint8_t h[9];

	offload_pack_bytes(p, h, offload_head_uint(h, value));
}

void offload_pack_size(struct pack *p, enum offload_kind kind, uint32_t size)
{
	uint8_t h[9];

	offload_pack_bytes(p, h, offload_head_size(h, kind, size));
}
