// SPDX-License-Identifier: Apache-2.0
//
// A remote processor as a program: the kit with the whole function set behind standard input and output, so that any
// test can drive the C implementation as a peer. One command a line; every answer ends with a line ".".
//
//	region ADDRESS LENGTH     gives it LENGTH bytes of zeroed memory at a device address
//	load ADDRESS HEX          writes memory
//	dump ADDRESS LENGTH       prints "= HEX"
//	clock MICROSECONDS        sets its clock, which otherwise stands still, and lets sleepers wake
//	beat                      sends a heartbeat
//	log LEVEL TEXT            sends a log line
//	bits N, mtu N, line N     sets address_bits, mtu, cache_line and restarts it
//	reset                     restarts it; memory and clock stay
//	HEX                       hands it a payload
//
// Payloads it sends are printed as "> HEX", other events as "! TEXT". Numbers are decimal, or 0x hexadecimal.

#include "offload_functions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct region {
	uint64_t address, length;
	uint8_t *bytes;
	struct region *next;
};

static struct region *regions;
static struct offload_server server;
static struct offload_sleepers sleepers;
static uint64_t now = 1000;

static void *find(uint64_t address, uint64_t length)
{
	struct region *r;

	for (r = regions; r; r = r->next)
		if (address >= r->address && length <= r->length && address - r->address <= r->length - length)
			return r->bytes + (address - r->address);
	return NULL;
}

static void print(const char *what, const void *data, size_t length)
{
	const uint8_t *p = data;

	printf("%s ", what);
	while (length--)
		printf("%02x", *p++);
	printf("\n");
}

static int send(void *user, const void *payload, size_t length)
{
	(void)user;
	print(">", payload, length);
	return 0;
}

static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	(void)user;
	(void)op;
	(void)access;
	return find(address, length);
}

static uint64_t clock_us(void *user)
{
	(void)user;
	return now;
}

static void notice(void *user, const char *name, size_t length, struct offload_call *arguments)
{
	(void)user;
	printf("! notice %.*s, %" PRIu32 " arguments\n", (int)length, name, offload_args_left(arguments));
}

static enum offload_done hang(struct offload_call *c, void *user)
{
	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	printf("! hang\n");
	return OFFLOAD_PENDING;
}

static enum offload_done crash(struct offload_call *c, void *user)
{
	uint64_t after = offload_arg_uint(c, 1);

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	if (after)
		offload_answer(c);
	printf("! crash\n.\n");
	exit(3);
}

static enum offload_done wild(struct offload_call *c, void *user)
{
	uint64_t address = offload_arg_u64(c);

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	printf("! wild %#" PRIx64 "\n", address);
	offload_put_u64(c, 0);
	return OFFLOAD_DONE;
}

static const struct offload_method methods[] = {
	OFFLOAD_FUNCTION_METHODS,
	{ "hang", hang, NULL, OFFLOAD_SLOW },
	{ "crash", crash, NULL, OFFLOAD_SLOW },
	{ "wild", wild, NULL, OFFLOAD_SLOW },
	{ "sleep", offload_run_sleep, &sleepers, 0 },
};

static struct offload_config config = {
	.send = send,
	.memory = memory,
	.clock = clock_us,
	.notice = notice,
	.methods = methods,
	.method_count = sizeof methods / sizeof *methods,
	.name = "kit-host",
	.features = 31,
	.address_bits = 64,
};

static void restart(void)
{
	memset(&sleepers, 0, sizeof sleepers);
	if (offload_init(&server, &config))
		printf("? configuration\n");
}

// Bytes of one line in memory that ends where they end, so that a sanitizer sees a read behind them.
static uint8_t *unhex(const char *text, size_t *length)
{
	size_t n = strlen(text) / 2, i;
	uint8_t *bytes = malloc(n ? n : 1);
	unsigned byte;

	for (i = 0; i < n; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
			free(bytes);
			return NULL;
		}
		bytes[i] = (uint8_t)byte;
	}
	*length = n;
	return bytes;
}

static void add_region(uint64_t address, uint64_t length)
{
	struct region *r = calloc(1, sizeof *r);

	r->bytes = calloc(1, length ? (size_t)length : 1);
	r->address = address;
	r->length = length;
	r->next = regions;
	regions = r;
}

static void load(uint64_t address, const char *hex)
{
	size_t length = 0;
	uint8_t *bytes = unhex(hex, &length), *to = find(address, length);

	if (bytes && to)
		memcpy(to, bytes, length);
	else
		printf("? load\n");
	free(bytes);
}

static void give(const char *hex)
{
	size_t length = 0;
	uint8_t *bytes = unhex(hex, &length);

	if (bytes)
		offload_receive(&server, bytes, length);
	else
		printf("? not hexadecimal\n");
	free(bytes);
}

static void set(const char *what, uint64_t n)
{
	if (strcmp(what, "bits") == 0)
		config.address_bits = (unsigned)n;
	else if (strcmp(what, "mtu") == 0)
		config.mtu = (uint32_t)n;
	else
		config.cache_line = (uint32_t)n;
	restart();
}

static void command(char *line)
{
	char *word = strtok(line, " "), *first = strtok(NULL, " "), *second = strtok(NULL, "");
	uint64_t a = first ? strtoull(first, NULL, 0) : 0, b = second ? strtoull(second, NULL, 0) : 0;
	const uint8_t *p;

	if (!word) {
		give("");
	} else if (strcmp(word, "region") == 0 && second) {
		add_region(a, b);
	} else if (strcmp(word, "load") == 0 && first) {
		load(a, second ? second : "");
	} else if (strcmp(word, "dump") == 0 && second) {
		p = find(a, b);
		if (p)
			print("=", p, (size_t)b);
		else
			printf("? dump\n");
	} else if (strcmp(word, "clock") == 0 && first) {
		now = a;
		offload_wake(&sleepers, now);
	} else if (strcmp(word, "beat") == 0) {
		offload_beat(&server);
	} else if (strcmp(word, "log") == 0 && second) {
		offload_log(&server, (enum offload_level)a, second, strlen(second));
	} else if ((strcmp(word, "bits") == 0 || strcmp(word, "mtu") == 0 || strcmp(word, "line") == 0) && first) {
		set(word, a);
	} else if (strcmp(word, "reset") == 0) {
		restart();
	} else {
		give(word);
	}
}

int main(void)
{
	static char line[1 << 22];
	size_t length;

	restart();
	while (fgets(line, sizeof line, stdin)) {
		length = strlen(line);
		if (length && line[length - 1] == '\n')
			line[length - 1] = '\0';
		command(line);
		printf(".\n");
		fflush(stdout);
	}
	while (regions) {
		struct region *next = regions->next;

		free(regions->bytes);
		free(regions);
		regions = next;
	}
	return 0;
}
