// SPDX-License-Identifier: Apache-2.0

#include "data.h"

// may_alias: the bytes may have been declared as anything. Other compilers take the same words as bytes.
#ifdef __GNUC__
typedef uint64_t __attribute__((may_alias)) word64;
#else
typedef uint8_t word64;
#endif

// Eight bytes at a time: two words of four 16-bit sums each, emptied before they can overflow.
uint64_t offload_sum(struct offload_in in)
{
	const uint8_t *p = in.data, *end = p + in.length;
	const uint64_t even = 0x00ff00ff00ff00ffu;
	uint64_t sum = 0, lanes, word;
	unsigned i;

	while (p != end && (uintptr_t)p % sizeof(word64))
		sum += *p++;
	while ((size_t)(end - p) >= sizeof(word64)) {
		lanes = 0;
		for (i = 0; i < 128 && (size_t)(end - p) >= sizeof(word64); i++, p += sizeof(word64)) {
			word = *(const word64 *)(const void *)p;
			lanes += (word & even) + (word >> 8 & even);
		}
		sum += (lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) + (lanes >> 48);
	}
	while (p != end)
		sum += *p++;
	return sum;
}

// Polynomial 0x1EDC6F41, reflected, four bits at a time.
uint32_t offload_crc32c(struct offload_in in)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	uint32_t crc = UINT32_MAX;
	size_t i;

	for (i = 0; i < in.length; i++) {
		crc ^= in.data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
