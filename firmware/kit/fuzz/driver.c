// SPDX-License-Identifier: Apache-2.0
//
// Drives the fuzz target where there is no libFuzzer: mutates good payloads, the same way for the same seed.
//
//	kit-fuzz ITERATIONS [SEED]

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const seeds[] = {
	"94 00 00 00 96 01 cd 01f0 40 40 1f ce 000f4240",
	"94 00 01 01 91 00",
	"94 00 02 02 91 a3 616263",
	"94 00 03 04 90",
	"94 00 04 05 90",
	"93 02 03 91 2a",
	"93 02 a5 6c6576656c 92 05 a1 61",
	"94 00 07 11 91 c4 03 010203",
	"95 00 cd 012c a3 73756d 91 c4 03 010203 ce 0003d090",
	"94 00 07 10 91 93 01 82 a1 61 c0 02 cb 3ff0000000000000 d4 05 00",
	"94 00 07 11 91 c7 09 01 01 00010000 00000040",
	"94 00 07 13 92 c7 09 01 02 00010010 00000020 cc a5",
	"94 00 07 14 92 c7 11 01 06 0000000000010000 0000000000000040 c7 09 01 01 00010020 00000040",
	"94 00 07 15 93 c7 09 01 02 00010000 00000010 c7 09 01 01 00010000 00000010 c7 09 01 01 00010100 00000010",
	"94 00 07 16 93 c7 09 01 02 00010000 00000010 c7 09 01 01 00010080 00000010 c4 04 00400020",
	"94 00 07 17 95 c7 09 01 02 00010000 00000040 c7 09 01 01 00010100 00000040 08 08 08",
	"94 00 07 18 95 c7 09 01 02 00010000 00000040 c7 09 01 01 00010100 00000040 05 08 08",
	"94 00 07 19 96 c7 09 01 02 00010000 00000040 c4 08 0102030405060708 c4 08 0102030405060708 04 04 02",
	"94 00 07 1a 93 ce 00010000 ce deadbeef 10",
	"94 00 07 1b 91 ce 00010004",
	"95 00 2a 1c 91 05 cd 1000",
	"94 00 2b 1c 91 05",
	"94 00 07 1d 95 92 01 a1 61 02 a1 62 c3 c7 09 01 03 00010000 00000004",
};

enum { MAX = 1600, COUNT = sizeof seeds / sizeof *seeds };

static struct {
	size_t length;
	uint8_t bytes[80];
} seed[COUNT];

static uint64_t state;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16) % n;
}

static void decode(void)
{
	unsigned i, byte;
	const char *p;

	for (i = 0; i < COUNT; i++)
		for (p = seeds[i]; *p; p += *p == ' ' ? 1 : 2)
			if (*p != ' ' && sscanf(p, "%2x", &byte) == 1)
				seed[i].bytes[seed[i].length++] = (uint8_t)byte;
}

static void mutate(uint8_t *p, size_t *length)
{
	static const uint8_t interesting[] = { 0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x94, 0x95, 0x9f, 0xc0, 0xc1, 0xc4, 0xc6,
					       0xc7, 0xc9, 0xcf, 0xd3, 0xd8, 0xdb, 0xdd, 0xdf, 0xe0, 0xff };
	size_t at, n, to;

	if (*length == 0)
		return;
	at = random_below((uint32_t)*length);
	n = 1 + random_below(8);
	n = n < *length - at ? n : *length - at;
	switch (random_below(7)) {
	case 0:
		p[at] ^= (uint8_t)(1u << random_below(8));
		break;
	case 1:
		p[at] = interesting[random_below(sizeof interesting)];
		break;
	case 2:
		p[at] = (uint8_t)random_below(256);
		break;
	case 3: // take out
		memmove(p + at, p + at + n, *length - at - n);
		*length -= n;
		break;
	case 4: // copy in between
		memmove(p + at + n, p + at, *length - at);
		*length += n;
		break;
	case 5: // copy over
		to = random_below((uint32_t)*length);
		n = n < *length - to ? n : *length - to;
		memmove(p + to, p + at, n);
		break;
	default: // cut
		*length = at;
	}
}

int main(int argc, char **argv)
{
	unsigned long iterations = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000, i;
	static uint8_t input[MAX + 64];
	size_t size, length, n;
	unsigned payloads, messages, mutations;

	state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	state = state * 0x9e3779b97f4a7c15u + 1;
	decode();
	for (i = 0; i < iterations; i++) {
		size = 0;
		for (payloads = 1 + random_below(4); payloads; payloads--) {
			uint8_t payload[700];

			length = 0;
			for (messages = random_below(4) ? 1 : 1 + random_below(4); messages; messages--) {
				n = random_below(COUNT);
				memcpy(payload + length, seed[n].bytes, seed[n].length);
				length += seed[n].length;
			}
			for (mutations = random_below(5); mutations; mutations--)
				mutate(payload, &length);
			if (size + 2 + length > MAX)
				break;
			input[size++] = (uint8_t)(length >> 8);
			input[size++] = (uint8_t)length;
			memcpy(input + size, payload, length);
			size += length;
		}
		LLVMFuzzerTestOneInput(input, size);
	}
	printf("fuzz: %lu iterations\n", iterations);
	return 0;
}
