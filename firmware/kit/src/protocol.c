// SPDX-License-Identifier: Apache-2.0
//
// The methods below 16: hello, methods, ping, stats, clock.

#include "kit.h"

static void hello(struct offload_call *c)
{
	struct offload_server *s = c->server;
	const struct offload_config *config = s->config;
	const char *name = config->name ? config->name : "";
	uint32_t own = config->mtu ? config->mtu : OFFLOAD_MTU;
	uint64_t version, mtu, features, clock;

	version = offload_arg_u64(c);
	mtu = offload_arg_u64(c);
	offload_arg_u64(c); // window: ours holds
	offload_arg_u64(c); // cache_line: for those who place buffers
	features = offload_arg_u64(c);
	clock = offload_arg_u64(c);
	c->left = 0; // more elements are of later versions
	if (!offload_args_end(c))
		return;
	if (version < 1) {
		offload_fail(c, OFFLOAD_VERSION, "this side speaks version 1");
		return;
	}
	if (mtu < OFFLOAD_MTU_MIN) {
		offload_fail(c, OFFLOAD_BAD_ARGUMENTS, "mtu below 128");
		return;
	}
	offload_flush(s); // what was answered before goes out by the old rules
	offload_forget(s);
	s->greeted = true;
	s->mtu = mtu < own ? (uint32_t)mtu : own;
	s->features = (uint32_t)features;
	s->host_clock = clock;
	s->hello_at = offload_now(s);
	s->beats = 0;

	offload_put_array(c, 9);
	offload_put_u64(c, 1);
	offload_put_u64(c, own);
	offload_put_u64(c, OFFLOAD_CALLS);
	offload_put_u64(c, config->cache_line ? config->cache_line : 1);
	offload_put_u64(c, config->address_bits ? config->address_bits : 8 * sizeof(void *));
	offload_put_u64(c, config->features & (config->clock ? 31u : 31u & ~(unsigned)OFFLOAD_FEATURE_DEADLINE));
	offload_put_u64(c, s->hello_at);
	offload_put_u64(c, config->method_count);
	offload_put_str(c, name, offload_bounded_length(name, OFFLOAD_NAME_MAX));
}

// As many names as fit behind the heads: 4 + id 5 + array 1 + total 5 + array 3.
static void methods(struct offload_call *c)
{
	const struct offload_config *config = c->server->config;
	size_t room = c->server->mtu - 18, i, first;
	uint64_t from = offload_arg_u64(c);
	size_t n;

	if (!offload_args_end(c))
		return;
	if (from > config->method_count) {
		offload_fail(c, OFFLOAD_BAD_ARGUMENTS, "beyond the table");
		return;
	}
	first = (size_t)from;
	for (i = first; i < config->method_count; i++) {
		n = 2 + offload_bounded_length(config->methods[i].name, OFFLOAD_NAME_MAX);
		if (n > room)
			break;
		room -= n;
	}
	offload_put_array(c, 2);
	offload_put_u64(c, config->method_count);
	offload_put_array(c, (uint32_t)(i - first));
	for (; first < i; first++)
		offload_put_str(c, config->methods[first].name,
				offload_bounded_length(config->methods[first].name, OFFLOAD_NAME_MAX));
}

static void ping(struct offload_call *c)
{
	struct offload_in value = offload_arg_any(c);

	if (!offload_args_end(c))
		return;
	if (value.length > 64)
		offload_fail(c, OFFLOAD_TOO_LARGE, "more than 64 bytes");
	else
		offload_put_encoded(c, value.data, value.length);
}

static void stats(struct offload_call *c)
{
	const struct offload_stats *st = &c->server->stats;

	if (!offload_args_end(c))
		return;
	offload_put_array(c, 5);
	offload_put_u64(c, st->calls);
	offload_put_u64(c, st->errors);
	offload_put_u64(c, st->dropped);
	offload_put_u64(c, st->busy_us);
	offload_put_u64(c, offload_now(c->server));
}

uint32_t offload_protocol_number(const struct value *name)
{
	static const char names[][8] = { "hello", "methods", "ping", "cancel", "stats", "clock" };
	uint32_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (offload_bounded_length(names[i], sizeof *names) == name->length &&
		    memcmp(names[i], name->data, name->length) == 0)
			return i;
	return METHOD_NONE;
}

void offload_protocol(struct offload_call *c, uint32_t number)
{
	switch (number) {
	case METHOD_HELLO:
		hello(c);
		break;
	case METHOD_METHODS:
		methods(c);
		break;
	case METHOD_PING:
		ping(c);
		break;
	case METHOD_STATS:
		stats(c);
		break;
	case METHOD_CLOCK:
		if (offload_args_end(c))
			offload_put_u64(c, offload_now(c->server));
		break;
	default:
		offload_fail(c, OFFLOAD_UNKNOWN_METHOD, "unknown method");
	}
}
