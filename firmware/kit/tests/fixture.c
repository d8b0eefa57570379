// SPDX-License-Identifier: Apache-2.0

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned failures;

const struct offload_method demo_methods[3] = {
	{ "echo", offload_run_echo, NULL, 0 },
	{ "crc32c", offload_run_crc32c, NULL, 0 },
	{ "sum", offload_run_sum, NULL, 0 },
};

void check_at(const char *file, int line, bool good, const char *what)
{
	if (good)
		return;
	failures++;
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
}

static int send(void *user, const void *payload, size_t length)
{
	struct fixture *f = user;

	if (f->refuse_send)
		return -1;
	check_at(__FILE__, __LINE__, length > 0 && length <= f->server.mtu, "0 < length <= mtu");
	if (f->sent < SENT) {
		f->payload[f->sent].length = length;
		memcpy(f->payload[f->sent].bytes, payload, length);
		f->sent++;
	}
	return 0;
}

static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	struct fixture *f = user;

	check_at(__FILE__, __LINE__, length > 0 && address + (length - 1) >= address, "a range that does not wrap");
	if (op == OFFLOAD_END) {
		check_at(__FILE__, __LINE__, access & OFFLOAD_WRITE, "only written ranges end");
		f->ended++;
		return NULL;
	}
	if (address < MEMORY || length > MEMORY_SIZE || address - MEMORY > MEMORY_SIZE - length)
		return NULL;
	f->begun++;
	return f->memory + (address - MEMORY);
}

static uint64_t clock_us(void *user)
{
	return ((struct fixture *)user)->now;
}

void restart(struct fixture *f)
{
	check_at(__FILE__, __LINE__, offload_init(&f->server, &f->config) == 0, "offload_init");
	f->sent = f->begun = f->ended = 0;
	f->server.greeted = true;
}

void setup(struct fixture *f, const struct offload_method *methods, size_t count)
{
	memset(f, 0, sizeof *f);
	f->memory = calloc(1, MEMORY_SIZE);
	f->config.user = f;
	f->config.send = send;
	f->config.memory = memory;
	f->config.clock = clock_us;
	f->config.methods = methods;
	f->config.method_count = count;
	f->config.name = "demo";
	f->config.features = 31;
	f->config.address_bits = 32;
	f->now = 1000;
	restart(f);
}

void teardown(struct fixture *f)
{
	free(f->memory);
}

uint8_t *unhex(const char *text, size_t *length)
{
	uint8_t *bytes = malloc(strlen(text) / 2 + 1);
	unsigned byte;

	*length = 0;
	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		if (sscanf(text, "%2x", &byte) != 1 || !text[1]) {
			fprintf(stderr, "not hexadecimal: %s\n", text);
			abort();
		}
		bytes[(*length)++] = (uint8_t)byte;
		text += 2;
	}
	return bytes;
}

int give(struct fixture *f, const char *hex)
{
	size_t length;
	uint8_t *bytes = unhex(hex, &length), *exact = malloc(length ? length : 1);
	int result;

	memcpy(exact, bytes, length);
	free(bytes);
	result = offload_receive(&f->server, exact, length);
	free(exact);
	return result;
}

static void print(const char *what, const uint8_t *bytes, size_t length)
{
	size_t i;

	fprintf(stderr, "  %s", what);
	for (i = 0; i < length; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fprintf(stderr, "\n");
}

void expect_at(const char *file, int line, struct fixture *f, const char *const *hex)
{
	unsigned i;

	for (i = 0; i < f->sent || hex[i]; i++) {
		size_t length = 0;
		uint8_t *bytes = hex[i] ? unhex(hex[i], &length) : NULL;

		if (i >= f->sent || !bytes || length != f->payload[i].length ||
		    memcmp(bytes, f->payload[i].bytes, length) != 0) {
			failures++;
			fprintf(stderr, "%s:%d: payload %u\n", file, line, i);
			print("want:", bytes, length);
			print("got: ", f->payload[i].bytes, i < f->sent ? f->payload[i].length : 0);
		}
		free(bytes);
		if (i >= f->sent && !hex[i + 1])
			break;
		if (!hex[i])
			break;
	}
	f->sent = 0;
}

uint32_t error_code(struct fixture *f)
{
	const uint8_t *p = f->payload[0].bytes;
	uint32_t code = 0;

	// ids in the tests are below 128
	if (f->sent == 1 && p[0] == 0x94 && p[1] == 1 && p[3] == 0x92)
		code = p[4] == 0xcd ? (uint32_t)p[5] << 8 | p[6] : p[4];
	f->sent = 0;
	return code;
}

int main(int argc, char **argv)
{
	test_messages();
	test_calls();
	test_init();
	test_buffers();
	test_notes();
	test_functions();
	if (argc > 1)
		test_vectors(argv[1]);
	if (failures)
		fprintf(stderr, "%u failures\n", failures);
	else
		puts("kit: all tests passed");
	return failures != 0;
}
