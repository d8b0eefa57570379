// SPDX-License-Identifier: Apache-2.0

#include "offload_functions.h"

enum offload_done offload_run_sleep(struct offload_call *c, void *user)
{
	struct offload_sleepers *s = user;
	uint64_t ms = offload_arg_uint(c, UINT32_MAX), now = c->server->config->clock(c->server->config->user);
	unsigned i;

	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (!s->at[i].call) {
			s->at[i].call = c;
			s->at[i].until = now + ms * 1000;
			return OFFLOAD_PENDING;
		}
	return offload_fail(c, OFFLOAD_BUSY, "too many sleepers");
}

uint64_t offload_wake(struct offload_sleepers *s, uint64_t now)
{
	uint64_t next = UINT64_MAX, deadline;
	struct offload_call *c;
	unsigned i;

	for (i = 0; i < OFFLOAD_CALLS; i++) {
		c = s->at[i].call;
		if (!c)
			continue;
		deadline = offload_deadline(c);
		if (now < s->at[i].until && !offload_cancelled(c) && !offload_late(c)) {
			next = s->at[i].until < next ? s->at[i].until : next;
			next = deadline && deadline < next ? deadline : next;
			continue;
		}
		if (offload_cancelled(c))
			offload_fail(c, OFFLOAD_CANCELLED, "cancelled");
		else if (now < s->at[i].until)
			offload_fail(c, OFFLOAD_LATE, "time was over before the work ended");
		s->at[i].call = NULL;
		offload_answer(c);
	}
	return next;
}
