// SPDX-License-Identifier: Apache-2.0

#include "pack.h"

uint64_t offload_big(const uint8_t *data, unsigned width)
{
	uint64_t n = 0;

	while (width--)
		n = n << 8 | *data++;
	return n;
}

static size_t rest(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static bool big(struct cursor *c, unsigned width, uint64_t *n)
{
	if (rest(c) < width)
		return false;
	*n = offload_big(c->at, width);
	c->at += width;
	return true;
}

static bool body(struct cursor *c, struct value *v, enum offload_kind kind, uint64_t length)
{
	v->kind = kind;
	if (kind == KIND_EXT) {
		if (c->at == c->end)
			return false;
		v->ext = *c->at++;
	}
	if (rest(c) < length)
		return false;
	v->data = c->at;
	v->length = (size_t)length;
	c->at += v->length;
	return true;
}

static bool container(struct value *v, enum offload_kind kind, uint64_t count)
{
	v->kind = kind;
	v->number = count;
	return true;
}

bool offload_next(struct cursor *c, struct value *v)
{
	unsigned width;
	uint64_t n;
	uint8_t b;

	v->ext = 0;
	v->number = 0;
	v->data = NULL;
	v->length = 0;
	if (c->at == c->end)
		return false;
	b = *c->at++;
	if (b < 0x80) {
		v->kind = KIND_UINT;
		v->number = b;
		return true;
	}
	if (b < 0x90)
		return container(v, KIND_MAP, b & 15);
	if (b < 0xa0)
		return container(v, KIND_ARRAY, b & 15);
	if (b < 0xc0)
		return body(c, v, KIND_STR, b & 31);
	if (b >= 0xe0) {
		v->kind = KIND_NEGATIVE;
		v->number = UINT64_MAX - 255 + b;
		return true;
	}
	if (b == 0xc0) {
		v->kind = KIND_NIL;
		return true;
	}
	if (b == 0xc2 || b == 0xc3) {
		v->kind = KIND_BOOL;
		v->number = b & 1;
		return true;
	}
	if (b >= 0xd4 && b <= 0xd8)
		return body(c, v, KIND_EXT, (size_t)1 << (b - 0xd4));
	// What is left has a number of 1, 2, 4 or 8 bytes behind its first byte.
	if (b == 0xc1)
		return false;
	if (b >= 0xdc)
		width = 2u << (b & 1);
	else if (b >= 0xd9)
		width = 1u << (b - 0xd9);
	else if (b >= 0xcc)
		width = 1u << (b & 3);
	else if (b >= 0xca)
		width = 4u << (b & 1);
	else
		width = 1u << (b - (b >= 0xc7 ? 0xc7 : 0xc4));
	if (!big(c, width, &n))
		return false;
	v->number = n;
	if (b >= 0xde)
		return container(v, KIND_MAP, n);
	if (b >= 0xdc)
		return container(v, KIND_ARRAY, n);
	if (b >= 0xd9)
		return body(c, v, KIND_STR, n);
	if (b >= 0xd0 && n >> (8 * width - 1) & 1) {
		v->kind = KIND_NEGATIVE;
		if (width < 8)
			v->number |= UINT64_MAX << (8 * width);
		return true;
	}
	if (b >= 0xcc)
		v->kind = KIND_UINT;
	else if (b >= 0xca)
		v->kind = b == 0xca ? KIND_F32 : KIND_F64;
	else
		return body(c, v, b >= 0xc7 ? KIND_EXT : KIND_BIN, n);
	return true;
}

bool offload_buffer(const struct value *v, struct buffer *b)
{
	unsigned width;
	uint64_t last;

	if (v->length == 0)
		return false;
	b->flags = v->data[0];
	width = b->flags & 4 ? 8 : 4;
	b->flags &= ~4u;
	if (b->flags == 0 || b->flags > 3 || v->length != 1 + 2 * width)
		return false;
	b->address = offload_big(v->data + 1, width);
	b->length = offload_big(v->data + 1 + width, width);
	last = b->address + b->length - 1;
	return b->length == 0 || (last >= b->address && (width == 8 || last <= UINT32_MAX));
}

// left[n] is what is still to come on level n; level 0 holds the one value asked for. What lies too deep is counted
// with the deepest level: its structure is lost, its end is not.
bool offload_skip(struct cursor *c, bool *bad)
{
	uint32_t left[OFFLOAD_DEPTH + 1], children;
	unsigned level = 0;
	struct buffer buffer;
	struct value v;

	left[0] = 1;
	for (;;) {
		while (left[level] == 0) {
			if (level == 0)
				return true;
			level--;
		}
		left[level]--;
		if (!offload_next(c, &v))
			return false;
		if (v.kind == KIND_EXT && v.ext == OFFLOAD_EXT_BUFFER && !offload_buffer(&v, &buffer))
			*bad = true;
		if (v.kind != KIND_ARRAY && v.kind != KIND_MAP)
			continue;
		// Every element takes at least one byte: a count that cannot be is refused before anything counts down.
		if (v.number > rest(c) >> (v.kind == KIND_MAP))
			return false;
		children = (uint32_t)v.number << (v.kind == KIND_MAP);
		if (level == OFFLOAD_DEPTH) {
			*bad = true;
			left[level] += children;
		} else {
			left[++level] = children;
		}
	}
}
