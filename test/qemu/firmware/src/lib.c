// SPDX-License-Identifier: Apache-2.0
//
// The part of a C library that the compiler itself asks for. Words where both ends allow; the core may not access words
// at other addresses.

#include <stddef.h>
#include <stdint.h>

typedef uintptr_t __attribute__((may_alias)) word;

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	const uint8_t *f = from;
	uint8_t *t = to;

	if (((uintptr_t)t ^ (uintptr_t)f) % sizeof(word) == 0) {
		for (; length && (uintptr_t)t % sizeof(word); length--)
			*t++ = *f++;
		for (; length >= sizeof(word); length -= sizeof(word), t += sizeof(word), f += sizeof(word))
			*(word *)(void *)t = *(const word *)(const void *)f;
	}
	while (length--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	const uint8_t *f = from;
	uint8_t *t = to;

	if ((uintptr_t)t - (uintptr_t)f >= length)
		return memcpy(to, from, length);
	while (length--)
		t[length] = f[length];
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	word pattern = (uint8_t)byte * (~(word)0 / 255);
	uint8_t *t = to;

	for (; length && (uintptr_t)t % sizeof(word); length--)
		*t++ = (uint8_t)byte;
	for (; length >= sizeof(word); length -= sizeof(word), t += sizeof(word))
		*(word *)(void *)t = pattern;
	while (length--)
		*t++ = (uint8_t)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const uint8_t *x = a, *y = b;

	for (; length; length--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
