// SPDX-License-Identifier: Apache-2.0
//
// Little-endian numbers at any address, and ranges.

#ifndef OFFLOAD_DATA_H
#define OFFLOAD_DATA_H

#include "offload_functions.h"

static inline int32_t offload_s8(uint8_t b)
{
	return (int32_t)(b ^ 0x80u) - 0x80;
}

static inline int32_t offload_s16(const uint8_t *p)
{
	return (int32_t)((uint32_t)(p[0] | p[1] << 8) ^ 0x8000u) - 0x8000;
}

static inline void offload_store16(uint8_t *p, int32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)((uint32_t)v >> 8);
}

static inline void offload_store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

// Whether the first n bytes at a and the first m at b share one.
static inline bool offload_overlap(const void *a, size_t n, const void *b, size_t m)
{
	uintptr_t from = (uintptr_t)a, to = (uintptr_t)b;

	return n && m && (from < to ? to - from < n : from - to < m);
}

#endif
