// SPDX-License-Identifier: Apache-2.0
//
// MessagePack as docs/protocol.md uses it: a checked cursor over a payload and an encoder into a fixed buffer.

#ifndef OFFLOAD_PACK_H
#define OFFLOAD_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The compiler itself expects these from firmware; a bare-metal toolchain need not have string.h.
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);

enum { OFFLOAD_DEPTH = 8, OFFLOAD_EXT_BUFFER = 1 };

enum offload_kind {
	KIND_NIL,
	KIND_BOOL,
	KIND_UINT, // any integer that is not negative, whatever its form
	KIND_NEGATIVE,
	KIND_F32,
	KIND_F64,
	KIND_STR,
	KIND_BIN,
	KIND_EXT,
	KIND_ARRAY,
	KIND_MAP
};

struct cursor {
	const uint8_t *at, *end;
};

struct value {
	enum offload_kind kind;
	uint8_t ext;
	uint64_t number;     // integer, bool, bits of a float, or count of an array or map
	const uint8_t *data; // str, bin, ext
	size_t length;
};

// offload_next reads one value; of an array or map only the head. False: it reaches past the end, or is no value.
bool offload_next(struct cursor *c, struct value *v);

// offload_skip moves over one whole value. *bad is set when it nests deeper than the protocol allows, counting it as the
// first level, or holds a buffer range that is none; the cursor still moves behind it.
bool offload_skip(struct cursor *c, bool *bad);

// A range of a buffer, as section 3 has it.
struct buffer {
	unsigned flags; // OFFLOAD_READ, OFFLOAD_WRITE
	uint64_t address, length;
};

bool offload_buffer(const struct value *v, struct buffer *b);

uint64_t offload_big(const uint8_t *data, unsigned width);

struct pack {
	uint8_t *at, *end;
	bool full;
};

// Heads of the values, in their shortest form, into at least 9 bytes; return the length.
size_t offload_head_uint(uint8_t head[9], uint64_t value);
size_t offload_head_int(uint8_t head[9], int64_t value);
size_t offload_head_size(uint8_t head[9], enum offload_kind kind, uint32_t size);

void offload_pack_bytes(struct pack *p, const void *data, size_t length);
void offload_pack_uint(struct pack *p, uint64_t value);
void offload_pack_size(struct pack *p, enum offload_kind kind, uint32_t size);

#endif
