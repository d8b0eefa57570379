// SPDX-License-Identifier: Apache-2.0
//
// Arguments in order; the first wrong one decides the answer.

#include "kit.h"

static const uint8_t nothing[1];

static void bad(struct offload_call *c, const char *message)
{
	offload_set_code(c, OFFLOAD_BAD_ARGUMENTS, message);
}

static bool take(struct offload_call *c, struct value *v)
{
	struct cursor at = { c->at, c->end };

	if (c->left == 0) {
		bad(c, "too few arguments");
		return false;
	}
	c->left--;
	if (!offload_next(&at, v)) {
		bad(c, "invalid argument");
		return false;
	}
	// What is inside a container is not taken: nobody who asked for a plain value can go on behind it.
	c->at = at.at;
	return true;
}

uint64_t offload_arg_uint(struct offload_call *c, uint64_t max)
{
	struct value v;

	if (!take(c, &v))
		return 0;
	if (v.kind == KIND_UINT && v.number <= max)
		return v.number;
	bad(c, v.kind == KIND_UINT ? "number too large" : "not an unsigned integer");
	return 0;
}

uint64_t offload_arg_u64(struct offload_call *c)
{
	return offload_arg_uint(c, UINT64_MAX);
}

int64_t offload_arg_i64(struct offload_call *c)
{
	struct value v;

	if (!take(c, &v))
		return 0;
	if (v.kind == KIND_UINT && v.number <= INT64_MAX)
		return (int64_t)v.number;
	if (v.kind == KIND_NEGATIVE)
		return -(int64_t)~v.number - 1; // defined for every value, unlike the cast
	bad(c, v.kind == KIND_UINT ? "number too large" : "not an integer");
	return 0;
}

bool offload_arg_bool(struct offload_call *c)
{
	struct value v;

	if (take(c, &v) && v.kind == KIND_BOOL)
		return v.number != 0;
	bad(c, "not true or false");
	return false;
}

static struct offload_in plain(struct offload_call *c, enum offload_kind kind, const char *message)
{
	struct offload_in in = { nothing, 0 };
	struct value v;

	if (!take(c, &v))
		return in;
	if (v.kind != kind) {
		bad(c, message);
		return in;
	}
	in.data = v.data;
	in.length = v.length;
	return in;
}

struct offload_in offload_arg_bytes(struct offload_call *c)
{
	return plain(c, KIND_BIN, "not a byte string");
}

struct offload_in offload_arg_str(struct offload_call *c)
{
	return plain(c, KIND_STR, "not a string");
}

struct offload_in offload_arg_any(struct offload_call *c)
{
	struct cursor at = { c->at, c->end };
	struct offload_in in = { nothing, 0 };
	bool invalid = false;

	if (c->left == 0 || !offload_skip(&at, &invalid)) {
		bad(c, c->left ? "invalid argument" : "too few arguments");
		return in;
	}
	in.data = c->at;
	in.length = (size_t)(at.at - c->at);
	c->at = at.at;
	c->left--;
	return in;
}

uint32_t offload_arg_array(struct offload_call *c)
{
	struct value v;

	if (take(c, &v) && v.kind == KIND_ARRAY) {
		c->left += (uint32_t)v.number;
		return (uint32_t)v.number;
	}
	bad(c, "not an array");
	return 0;
}

uint32_t offload_args_left(const struct offload_call *c)
{
	return c->left;
}

bool offload_args_end(struct offload_call *c)
{
	if (c->left)
		bad(c, "too many arguments");
	return c->code == 0;
}

static void *range(struct offload_call *c, const struct value *v, unsigned access, size_t *length)
{
	struct buffer b;
	void *p;

	*length = 0;
	if (v->kind != KIND_EXT || v->ext != OFFLOAD_EXT_BUFFER || !offload_buffer(v, &b)) {
		bad(c, "not a buffer");
		return NULL;
	}
	if ((b.flags & access) != access) {
		offload_set_code(c, OFFLOAD_BAD_BUFFER, "wrong direction");
		return NULL;
	}
	p = offload_map(c, b.address, b.length, access);
	if (p)
		*length = (size_t)b.length;
	return p;
}

struct offload_in offload_arg_data(struct offload_call *c)
{
	struct offload_in in = { nothing, 0 };
	struct value v;

	if (!take(c, &v))
		return in;
	if (v.kind == KIND_BIN) {
		in.data = v.data;
		in.length = v.length;
	} else {
		in.data = range(c, &v, OFFLOAD_READ, &in.length);
	}
	return in;
}

static struct offload_out writable(struct offload_call *c, unsigned access)
{
	struct offload_out out = { NULL, 0 };
	struct value v;

	if (take(c, &v))
		out.data = range(c, &v, access, &out.length);
	return out;
}

struct offload_out offload_arg_out(struct offload_call *c)
{
	return writable(c, OFFLOAD_WRITE);
}

struct offload_out offload_arg_inout(struct offload_call *c)
{
	return writable(c, OFFLOAD_READ | OFFLOAD_WRITE);
}
