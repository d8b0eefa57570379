// SPDX-License-Identifier: Apache-2.0
//
// One request from its beginning to its one answer.

#include "kit.h"

void offload_set_code(struct offload_call *c, uint32_t code, const char *message)
{
	if (c->code && !(code == OFFLOAD_BAD_ARGUMENTS && c->code == OFFLOAD_BAD_BUFFER))
		return;
	c->code = code;
	c->message = message;
}

enum offload_done offload_fail(struct offload_call *c, uint32_t code, const char *message)
{
	if (!c->code) {
		c->code = code ? code : OFFLOAD_INTERNAL;
		c->message = message;
	}
	return OFFLOAD_DONE;
}

bool offload_is_open(const struct offload_server *s, uint32_t id)
{
	unsigned i;

	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (s->call[i].phase != PHASE_FREE && s->call[i].phase != PHASE_ANSWERED && !s->call[i].forgotten &&
		    s->call[i].id == id)
			return true;
	return false;
}

void offload_cancel(struct offload_server *s, uint32_t id)
{
	unsigned i;

	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (s->call[i].phase != PHASE_FREE && s->call[i].id == id && !s->call[i].forgotten)
			s->call[i].cancelled = true;
}

void offload_forget(struct offload_server *s)
{
	unsigned i;

	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (s->call[i].phase != PHASE_FREE)
			s->call[i].cancelled = s->call[i].forgotten = true;
}

bool offload_cancelled(const struct offload_call *c)
{
	return c->cancelled;
}

uint64_t offload_deadline(const struct offload_call *c)
{
	return c->deadline;
}

bool offload_late(const struct offload_call *c)
{
	return c->deadline && offload_now(c->server) >= c->deadline;
}

void offload_begin_call(struct offload_server *s, struct offload_call *c, const struct request *r)
{
	memset(c, 0, sizeof *c);
	c->server = s;
	c->id = r->id;
	c->at = r->params;
	c->end = r->end;
	c->left = r->count;
	c->deadline = r->deadline;
	c->phase = PHASE_RUNNING;
	s->stats.calls++;
}

// find gives the number of a method; the table's own names come before those of the protocol.
static uint32_t find(const struct offload_server *s, const struct value *method)
{
	const struct offload_method *methods = s->config->methods;
	uint32_t i;

	if (method->kind == KIND_UINT)
		return (uint32_t)method->number;
	for (i = 0; i < s->config->method_count; i++)
		if (offload_bounded_length(methods[i].name, OFFLOAD_NAME_MAX) == method->length &&
		    memcmp(methods[i].name, method->data, method->length) == 0)
			return METHOD_TABLE + i;
	return offload_protocol_number(method);
}

static struct offload_call *vacant(struct offload_server *s)
{
	unsigned i;

	for (i = 0; i < OFFLOAD_CALLS; i++)
		if (s->call[i].phase == PHASE_FREE)
			return &s->call[i];
	return NULL;
}

static void run(struct offload_server *s, struct offload_call *c)
{
	uint64_t begin = offload_now(s);
	enum offload_done done;

	s->running = c;
	done = c->method->run(c, c->method->user);
	s->running = NULL;
	s->stats.busy_us += offload_now(s) - begin;
	if (c->phase == PHASE_ANSWERED)
		c->phase = PHASE_FREE;
	else if (done == OFFLOAD_PENDING)
		c->phase = PHASE_PENDING;
	else
		offload_finish(c);
}

void offload_run(struct offload_server *s, const struct request *r)
{
	uint32_t number = find(s, &r->method);
	bool protocol = number < METHOD_TABLE;
	struct offload_call *c = protocol ? &s->control : vacant(s);

	if (!c) {
		offload_reject(s, r->id, OFFLOAD_BUSY, "more requests open than the window allows");
		return;
	}
	offload_begin_call(s, c, r);
	if (!protocol && number - METHOD_TABLE >= s->config->method_count)
		offload_fail(c, OFFLOAD_UNKNOWN_METHOD, "unknown method");
	else if (!s->greeted && number != METHOD_HELLO)
		// A host that has not noticed a restart must not get through with its old addresses.
		offload_fail(c, OFFLOAD_BAD_ARGUMENTS, "hello must come first");
	else if (offload_late(c))
		offload_fail(c, OFFLOAD_LATE, "time was over before the work began");
	if (!protocol && !c->code) {
		c->method = &s->config->methods[number - METHOD_TABLE];
		if (c->method->flags & OFFLOAD_SLOW)
			offload_flush(s);
		run(s, c);
		return;
	}
	if (!c->code)
		offload_protocol(c, number);
	offload_finish(c);
}

void offload_answer(struct offload_call *c)
{
	struct offload_server *s = c->server;

	if (c->phase != PHASE_RUNNING && c->phase != PHASE_PENDING)
		return;
	offload_finish(c);
	if (s->running == c)
		c->phase = PHASE_ANSWERED;
	offload_flush(s);
}
