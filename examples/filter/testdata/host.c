// SPDX-License-Identifier: Apache-2.0
//
// The example's firmware as a program: payloads as hexadecimal lines in, each answer as a line out. Device address 0x1000
// is 16 bytes of memory, which are printed at the end.

#include <stdio.h>

#include "filter.h"

static uint8_t shared[16] = { 0, 1, 2, 3, 100, 128, 200, 255 };

static int print(void *user, const void *payload, size_t length)
{
	const uint8_t *p = payload;

	(void)user;
	while (length--)
		printf("%02x", *p++);
	puts("");
	return 0;
}

static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	(void)user;
	(void)op;
	(void)access;
	if (address < 0x1000 || length > sizeof shared || address - 0x1000 > sizeof shared - length)
		return NULL;
	return shared + (address - 0x1000);
}

static struct offload_server server;

int main(void)
{
	static struct offload_config config = { .send = print, .memory = memory, .name = "filter" };
	char line[2048];

	config.methods = filter_methods;
	config.method_count = filter_method_count;
	if (offload_init(&server, &config))
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		uint8_t payload[512];
		unsigned byte;
		size_t n = 0;

		while (sscanf(line + 2 * n, "%2x", &byte) == 1)
			payload[n++] = (uint8_t)byte;
		offload_receive(&server, payload, n);
	}
	return print(NULL, shared, sizeof shared);
}
