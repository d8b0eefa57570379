// SPDX-License-Identifier: Apache-2.0
//
// Answers out. Answers to the requests of one payload share a payload where the host understands that; at any time
// the writer holds `held` bytes of finished answers and behind them at most one that is being written.

#include "kit.h"

static struct offload_writer *writer(struct offload_call *c)
{
	return c->note ? &c->server->notes : &c->server->answers;
}

static void send_held(struct offload_server *s, struct offload_writer *w)
{
	size_t held = w->held;

	if (!held)
		return;
	offload_send(s, w->bytes, held);
	w->length -= held;
	w->held = 0;
	memmove(w->bytes, w->bytes + held, w->length);
}

void offload_flush(struct offload_server *s)
{
	send_held(s, &s->answers);
}

static bool reserve(struct offload_call *c, struct offload_writer *w, size_t length)
{
	uint32_t max = c->server->mtu;

	if (w->length + length > max && w->held)
		send_held(c->server, w);
	if (length <= max && w->length + length <= max)
		return true;
	offload_set_code(c, OFFLOAD_TOO_LARGE, "result does not fit into a payload");
	return false;
}

// begin writes what stands before the result.
static bool begin(struct offload_call *c, struct offload_writer *w)
{
	uint8_t head[16];
	size_t n;

	if (w->owner == c)
		return true;
	if (w->owner) {
		offload_set_code(c, OFFLOAD_INTERNAL, "results of two calls written in turns");
		return false;
	}
	head[0] = 0x94;
	head[1] = 1;
	n = 2 + offload_head_uint(head + 2, c->id);
	head[n++] = 0xc0;
	if (!reserve(c, w, n))
		return false;
	memcpy(w->bytes + w->length, head, n);
	w->length += n;
	w->owner = c;
	w->need = 1;
	return true;
}

void offload_put(struct offload_call *c, const uint8_t *head, size_t head_length, const void *body, size_t length,
		 uint64_t children)
{
	struct offload_writer *w = writer(c);

	if (c->code || (c->phase != PHASE_RUNNING && c->phase != PHASE_PENDING))
		return;
	if (c->note ? w->owner != c : !begin(c, w))
		return;
	if (!w->need) {
		offload_set_code(c, OFFLOAD_INTERNAL, "more results than one");
		return;
	}
	if (length > OFFLOAD_MTU || children > OFFLOAD_MTU) {
		offload_set_code(c, OFFLOAD_TOO_LARGE, "result does not fit into a payload");
		return;
	}
	if (!reserve(c, w, head_length + length))
		return;
	if (head_length)
		memcpy(w->bytes + w->length, head, head_length);
	w->length += head_length;
	if (length)
		memcpy(w->bytes + w->length, body, length);
	w->length += length;
	w->need += (uint32_t)children - 1;
}

// The message may not cut a character in two.
static size_t cut(const char *text, size_t length, size_t max)
{
	if (length <= max)
		return length;
	while (max && ((uint8_t)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void send_error(struct offload_server *s, uint32_t id, uint32_t code, const char *message)
{
	uint8_t bytes[OFFLOAD_MESSAGE_MAX + 24];
	struct pack p = { bytes, bytes + sizeof bytes, false };
	size_t max = s->mtu - 16 < OFFLOAD_MESSAGE_MAX ? s->mtu - 16 : OFFLOAD_MESSAGE_MAX;
	size_t length = message ? cut(message, offload_bounded_length(message, OFFLOAD_MESSAGE_MAX + 1), max) : 0;

	s->stats.errors++;
	offload_pack_size(&p, KIND_ARRAY, 4);
	offload_pack_uint(&p, 1);
	offload_pack_uint(&p, id);
	offload_pack_size(&p, KIND_ARRAY, 2);
	offload_pack_uint(&p, code);
	offload_pack_size(&p, KIND_STR, (uint32_t)length);
	offload_pack_bytes(&p, message, length);
	offload_pack_bytes(&p, "\xc0", 1);
	offload_send(s, bytes, (size_t)(p.at - bytes));
}

void offload_reject(struct offload_server *s, uint32_t id, uint32_t code, const char *message)
{
	s->stats.calls++;
	send_error(s, id, code, message);
}

static void release(struct offload_call *c)
{
	const struct offload_config *config = c->server->config;
	unsigned i;

	for (i = 0; i < c->range_count; i++)
		config->memory(config->user, OFFLOAD_END, c->range[i].address, c->range[i].length, OFFLOAD_WRITE);
	c->range_count = 0;
}

void offload_finish(struct offload_call *c)
{
	struct offload_server *s = c->server;
	struct offload_writer *w = &s->answers;

	release(c);
	if (!c->code && !c->forgotten && w->owner != c)
		offload_put_nil(c);
	if (!c->code && w->owner == c && w->need)
		offload_set_code(c, OFFLOAD_INTERNAL, "result is not complete");
	if (w->owner == c) {
		if (c->code || c->forgotten)
			w->length = w->held;
		else
			w->held = w->length;
		w->owner = NULL;
	}
	c->phase = PHASE_FREE;
	if (c->forgotten)
		return;
	if (c->code)
		send_error(s, c->id, c->code, c->message);
	else if (!s->receiving || !offload_agreed(s, OFFLOAD_FEATURE_BATCH))
		offload_flush(s);
}
