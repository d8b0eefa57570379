// SPDX-License-Identifier: Apache-2.0
//
// The examples of docs/protocol.md: what the host sends is understood, what the remote sends comes out byte for byte.

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char document[1 << 17];

// vector gives the hexadecimal text of one example, without its comments.
static const char *vector(const char *name)
{
	static char text[4][1024];
	static unsigned turn;
	char fence[64], *out = text[turn++ % 4], *end = out + sizeof *text - 1;
	const char *p;

	snprintf(fence, sizeof fence, "```wire %s\n", name);
	p = strstr(document, fence);
	check_at(__FILE__, __LINE__, p != NULL, name);
	*out = '\0';
	if (!p)
		return out;
	for (p += strlen(fence); *p && strncmp(p, "```", 3) != 0; p = *p ? p + 1 : p) {
		for (; *p && *p != '\n' && *p != '#' && out < end; p++)
			*out++ = *p;
		while (*p && *p != '\n')
			p++;
	}
	*out = '\0';
	return text[(turn - 1) % 4];
}

static enum offload_done check_two_buffers(struct offload_call *c, void *user)
{
	struct offload_call copy = *c;

	// This core has no such memory: look at the arguments without the ranges.
	(void)user;
	CHECK(offload_args_left(c) == 5);
	offload_arg_any(&copy);
	offload_arg_any(&copy);
	CHECK(offload_arg_u64(&copy) == 5);
	CHECK(offload_arg_i64(&copy) == -1);
	CHECK(offload_arg_i64(&copy) == 512);
	CHECK(offload_args_end(&copy));
	offload_arg_data(c);
	offload_arg_out(c);
	return OFFLOAD_DONE;
}

static struct {
	uint64_t address, length;
	unsigned access;
} asked[2];
static unsigned asks;

static void *ask_memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	static uint8_t byte;

	(void)user;
	if (op == OFFLOAD_BEGIN && asks < 2) {
		asked[asks].address = address;
		asked[asks].length = length;
		asked[asks++].access = access;
	}
	return &byte;
}

void test_vectors(const char *protocol)
{
	static const struct offload_method ten[10] = {
		{ "0", check_two_buffers, NULL, 0 }, { "1", check_two_buffers, NULL, 0 }, { "2", check_two_buffers, NULL, 0 },
		{ "3", check_two_buffers, NULL, 0 }, { "4", check_two_buffers, NULL, 0 }, { "5", check_two_buffers, NULL, 0 },
		{ "6", check_two_buffers, NULL, 0 }, { "7", check_two_buffers, NULL, 0 }, { "8", check_two_buffers, NULL, 0 },
		{ "9", check_two_buffers, NULL, 0 },
	};
	FILE *file = fopen(protocol, "r");
	struct fixture f;
	size_t length;

	check_at(__FILE__, __LINE__, file != NULL, protocol);
	if (!file)
		return;
	length = fread(document, 1, sizeof document - 1, file);
	fclose(file);
	document[length] = '\0';

	setup(&f, demo_methods, 3);
	f.config.features = OFFLOAD_FEATURE_DEADLINE;
	f.config.cache_line = 128;
	give(&f, vector("request-hello"));
	EXPECT(&f, vector("response-hello"));
	CHECK(offload_host_clock(&f.server) == 1000000);
	give(&f, vector("request-sum"));
	EXPECT(&f, "94 01 07 c0 06");
	give(&f, vector("request-sum-by-name"));
	EXPECT(&f, vector("response-six"));
	give(&f, "94 00 07 12 91 c7 09 01 01 00000000 00000001");
	EXPECT(&f, vector("response-error"));
	give(&f, "94 00 01 01 91 00");
	EXPECT(&f, vector("response-methods"));
	f.config.features = 31;
	offload_log(&f.server, OFFLOAD_WARNING, "hot", 3);
	EXPECT(&f, vector("notification-log"));
	give(&f, vector("notification-cancel"));
	CHECK(f.server.stats.dropped == 0);
	// as a remote, this side has no use for what a remote sends
	give(&f, vector("response-six"));
	give(&f, vector("notification-log"));
	CHECK(f.server.stats.dropped == 2);
	EXPECT_NOTHING(&f);
	teardown(&f);

	setup(&f, ten, 10);
	f.config.address_bits = 64;
	f.config.memory = ask_memory;
	give(&f, vector("request-two-buffers"));
	CHECK(asks == 2);
	CHECK(asked[0].address == 0xc0010000 && asked[0].length == 0x20000 && asked[0].access == OFFLOAD_READ);
	CHECK(asked[1].address == 0x900000000 && asked[1].length == 0x1000 && asked[1].access == OFFLOAD_WRITE);
	teardown(&f);
}
