// SPDX-License-Identifier: Apache-2.0

#include "commands.h"

#include "core.h"
#include "trace.h"

struct offload_sleepers command_sleepers;

static void say(struct offload_call *c, const char *text, size_t length)
{
	trace("%s", text);
	offload_log(c->server, OFFLOAD_WARNING, text, length);
}

#define SAY(call, text) say(call, text, sizeof text - 1)

static enum offload_done hang(struct offload_call *c, void *user)
{
	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	SAY(c, "hanging, as asked");
	core_hang();
}

static enum offload_done crash(struct offload_call *c, void *user)
{
	uint64_t after = offload_arg_uint(c, 1), until;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	SAY(c, "crashing, as asked");
	if (after) {
		offload_answer(c);
		// Linux throws away what a program has not read of a core that crashed: let it read this.
		for (until = core_now() + 50000; core_now() < until;)
			;
	}
	core_undefined();
}

static enum offload_done wild(struct offload_call *c, void *user)
{
	uint64_t address = offload_arg_u64(c);

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	trace("wild read at %x", address);
	offload_put_u64(c, *core_register((uintptr_t)address));
	return OFFLOAD_DONE;
}

const struct offload_method commands[] = {
	OFFLOAD_FUNCTION_METHODS,
	{ "hang", hang, NULL, OFFLOAD_SLOW },
	{ "crash", crash, NULL, OFFLOAD_SLOW },
	{ "wild", wild, NULL, OFFLOAD_SLOW },
	{ "sleep", offload_run_sleep, &command_sleepers, 0 },
};

const size_t command_count = sizeof commands / sizeof *commands;
