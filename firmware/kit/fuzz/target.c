// SPDX-License-Identifier: Apache-2.0
//
// The fuzz target: bytes are a sequence of payloads for one server with the whole function set. Built against libFuzzer
// or against driver.c. Looks at what a sanitizer cannot see: answers are whole messages, one per request, within the
// MTU, and the server is as good as new afterwards.

#include "offload_functions.h"
#include "offload_kit.h"

#include "../src/pack.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x10000, SIZE = 1024 };

static struct {
	struct offload_server server;
	struct offload_sleepers sleepers;
	uint64_t now, answers;
	uint8_t *memory;
	unsigned open_ranges;
	bool answered;
} host;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static int send(void *user, const void *payload, size_t length)
{
	struct cursor c = { payload, (const uint8_t *)payload + length }, inside;
	struct value v;
	bool bad = false;

	(void)user;
	must(length > 0 && length <= host.server.mtu, "payload larger than the MTU");
	while (c.at != c.end) {
		inside = c;
		must(offload_skip(&c, &bad) && !bad, "sent what is no message");
		must(offload_next(&inside, &v) && v.kind == KIND_ARRAY && offload_next(&inside, &v), "sent no array");
		host.answers += v.number == 1;
	}
	host.answered = true;
	return 0;
}

static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	(void)user;
	must(length > 0 && address + (length - 1) >= address && access, "nonsense given to the memory hook");
	if (address < BASE || length > SIZE || address - BASE > SIZE - length) {
		must(op == OFFLOAD_BEGIN, "a refused range was ended");
		return NULL;
	}
	if (access & OFFLOAD_WRITE)
		host.open_ranges += op == OFFLOAD_BEGIN ? 1u : -1u;
	return host.memory + (address - BASE);
}

static uint64_t clock_us(void *user)
{
	(void)user;
	return host.now;
}

static void notice(void *user, const char *name, size_t length, struct offload_call *c)
{
	(void)user;
	must(length >= 1 && length <= 32 && name != NULL, "notice without a name");
	while (offload_args_left(c))
		offload_arg_any(c);
	must(offload_args_end(c), "checked arguments cannot be read");
}

static enum offload_done walk(struct offload_call *c, void *user)
{
	(void)user;
	while (offload_args_left(c) && offload_args_left(c) < 1000) {
		struct offload_in in;

		offload_arg_array(c);
		offload_arg_f64(c);
		in = offload_arg_str(c);
		if (in.length)
			offload_put_str(c, (const char *)in.data, in.length);
		offload_arg_bool(c);
		offload_arg_inout(c);
	}
	offload_put_map(c, offload_args_left(c));
	return OFFLOAD_DONE;
}

static const struct offload_method methods[] = {
	OFFLOAD_FUNCTION_METHODS,
	{ "sleep", offload_run_sleep, &host.sleepers, OFFLOAD_SLOW },
	{ "walk", walk, NULL, 0 },
};

static const struct offload_config config = {
	.send = send, .memory = memory, .clock = clock_us, .notice = notice, .methods = methods,
	.method_count = sizeof methods / sizeof *methods, .name = "fuzz", .features = 31, .address_bits = 40,
};

static void payload(const uint8_t *data, size_t length)
{
	uint8_t *exact = malloc(length ? length : 1);
	size_t i;

	for (i = 0; i < length; i++)
		exact[i] = data[i];
	host.now += 1000;
	must(offload_receive(&host.server, exact, length) == 0, "a payload was not taken");
	free(exact);
	offload_wake(&host.sleepers, host.now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hello[] = { 0x94, 0, 0, 0, 0x96, 1, 0xcd, 1, 0xf0, 0x10, 0x40, 31, 0 };
	static const uint8_t ping[] = { 0x94, 0, 0xce, 0xde, 0xad, 0xbe, 0xef, 2, 0x91, 5 };
	bool sessions = false;
	size_t length;
	unsigned i;

	must(offload_init(&host.server, &config) == 0, "offload_init");
	for (i = 0; i < OFFLOAD_CALLS; i++)
		host.sleepers.at[i].call = NULL;
	host.now = host.answers = 0;
	host.open_ranges = 0;
	host.memory = calloc(1, SIZE);
	payload(hello, sizeof hello);
	while (size) {
		// Two bytes say how long a payload is; lengths beyond the MTU are possible.
		length = size >= 2 ? (size_t)(data[0] & 3) << 8 | data[1] : 0;
		data += size >= 2 ? 2 : 1;
		size -= size >= 2 ? 2 : 1;
		length = length < size ? length : size;
		payload(data, length);
		data += length;
		size -= length;
		sessions |= host.server.hello_at != 1000;
	}
	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (host.sleepers.at[i].call)
			host.sleepers.at[i].until = 0;
	offload_wake(&host.sleepers, host.now);
	must(offload_open_calls(&host.server) == 0, "calls are left open");
	must(host.open_ranges == 0, "written ranges were not cleaned");
	must(host.answers <= host.server.stats.calls, "more answers than requests");
	// A second hello forgets what was open; otherwise each request has its answer.
	must(sessions || host.answers == host.server.stats.calls, "a request without an answer");
	host.answered = false;
	payload(ping, sizeof ping);
	must(host.answered, "the server does not answer any more");
	free(host.memory);
	return 0;
}
