// SPDX-License-Identifier: Apache-2.0
//
// Payloads in: cut into messages, checked as a whole, handed to whom they are for.

#include "kit.h"

size_t offload_bounded_length(const char *text, size_t max)
{
	size_t n = 0;

	while (n < max && text[n])
		n++;
	return n;
}

uint64_t offload_now(const struct offload_server *s)
{
	return s->config->clock ? s->config->clock(s->config->user) : 0;
}

bool offload_agreed(const struct offload_server *s, unsigned feature)
{
	return s->features & s->config->features & feature;
}

void offload_send(struct offload_server *s, const void *payload, size_t length)
{
	if (s->config->send(s->config->user, payload, length))
		s->stats.dropped++;
}

int offload_init(struct offload_server *s, const struct offload_config *config)
{
	size_t i, n;

	memset(s, 0, sizeof *s);
	if (!config || !config->send || config->address_bits > 64 || (config->method_count && !config->methods) ||
	    config->method_count > UINT16_MAX)
		return -1;
	if (config->mtu && (config->mtu < OFFLOAD_MTU_MIN || config->mtu > OFFLOAD_MTU))
		return -1;
	for (i = 0; i < config->method_count; i++) {
		if (!config->methods[i].name || !config->methods[i].run)
			return -1;
		n = offload_bounded_length(config->methods[i].name, OFFLOAD_NAME_MAX + 1);
		if (n == 0 || n > OFFLOAD_NAME_MAX)
			return -1;
	}
	s->config = config;
	s->mtu = config->mtu ? config->mtu : OFFLOAD_MTU;
	return 0;
}

unsigned offload_open_calls(const struct offload_server *s)
{
	unsigned i, n = 0;

	for (i = 0; i < OFFLOAD_CALLS; i++)
		n += (s->call[i].phase == PHASE_RUNNING || s->call[i].phase == PHASE_PENDING) && !s->call[i].forgotten;
	return n;
}

uint64_t offload_host_clock(const struct offload_server *s)
{
	return s->hello_at || s->host_clock ? s->host_clock + (offload_now(s) - s->hello_at) : 0;
}

enum { REQUEST, RESPONSE, NOTIFICATION };

struct message {
	uint64_t type, timeout;
	bool has_id;
	struct request r;
};

// elements reads what stands in a message behind its type, as section 2 has it.
static bool elements(struct cursor c, uint64_t count, struct message *m)
{
	struct request *r = &m->r;
	struct value v;
	bool bad = false;
	uint64_t i;

	if (m->type == REQUEST || m->type == RESPONSE) {
		if (count < 2 || !offload_next(&c, &v) || v.kind != KIND_UINT || v.number > UINT32_MAX)
			return false;
		r->id = (uint32_t)v.number;
		m->has_id = true;
	}
	if (m->type == RESPONSE)
		return count == 4;
	if (m->type == REQUEST ? count != 4 && count != 5 : m->type != NOTIFICATION || count != 3)
		return false;
	if (!offload_next(&c, &r->method))
		return false;
	if (r->method.kind == KIND_STR ? r->method.length < 1 || r->method.length > OFFLOAD_NAME_MAX
				       : r->method.kind != KIND_UINT || r->method.number > UINT32_MAX)
		return false;
	if (!offload_next(&c, &v) || v.kind != KIND_ARRAY)
		return false;
	r->count = (uint32_t)v.number;
	r->params = c.at;
	for (i = 0; i < v.number; i++)
		if (!offload_skip(&c, &bad))
			return false;
	r->end = c.at;
	m->timeout = 0;
	if (count < 5)
		return true;
	if (!offload_next(&c, &v) || v.kind != KIND_UINT || v.number > UINT32_MAX)
		return false;
	m->timeout = v.number;
	return true;
}

// parse reads one message and moves behind it. False: it is invalid; its id may still have been found, and *more says
// whether the cursor stands behind it.
static bool parse(struct cursor *c, struct message *m, bool *more)
{
	struct cursor inside = *c;
	bool bad = false, good;
	struct value array, v;

	*more = offload_skip(c, &bad);
	m->type = UINT64_MAX;
	m->has_id = false;
	if (!offload_next(&inside, &array) || array.kind != KIND_ARRAY || array.number < 1 || !offload_next(&inside, &v) ||
	    v.kind != KIND_UINT)
		return false;
	m->type = v.number;
	good = elements(inside, array.number, m);
	return good && *more && !bad;
}

static void notification(struct offload_server *s, const struct request *r)
{
	struct cursor c = { r->params, r->end };
	struct offload_call *n = &s->note;
	struct value v;

	if (r->method.kind == KIND_UINT) {
		if (r->method.number != METHOD_CANCEL || r->count != 1 || !offload_next(&c, &v) ||
		    v.kind != KIND_UINT || v.number > UINT32_MAX)
			s->stats.dropped++;
		else
			offload_cancel(s, (uint32_t)v.number);
		return;
	}
	if (!s->config->notice || n->phase != PHASE_FREE) {
		s->stats.dropped++;
		return;
	}
	memset(n, 0, sizeof *n);
	n->server = s;
	n->note = true;
	n->phase = PHASE_ANSWERED; // there is nothing to answer
	n->at = r->params;
	n->end = r->end;
	n->left = r->count;
	s->config->notice(s->config->user, (const char *)r->method.data, r->method.length, n);
	n->phase = PHASE_FREE;
}

static bool is_hello(const struct value *method)
{
	return (method->kind == KIND_UINT ? method->number : offload_protocol_number(method)) == METHOD_HELLO;
}

// act does what a message asks for. whole says that the payload it came in is sound; where it is not, the only thing
// done is to say so to the requests whose id can be read.
static void act(struct offload_server *s, struct message *m, bool whole)
{
	struct request *r = &m->r;

	if (m->type == NOTIFICATION && whole) {
		notification(s, r);
	} else if (m->type != REQUEST || !m->has_id) {
		s->stats.dropped++;
	} else if (offload_is_open(s, r->id) && !(whole && is_hello(&r->method))) {
		// An open request has one answer: the host would take another for it, and the buffers back.
		s->stats.dropped++;
	} else if (!whole) {
		offload_reject(s, r->id, OFFLOAD_BAD_ARGUMENTS, "invalid message");
	} else {
		r->deadline = m->timeout && s->config->clock ? s->arrived + m->timeout : 0;
		offload_run(s, r);
	}
}

int offload_receive_at(struct offload_server *s, const void *payload, size_t length, uint64_t arrived)
{
	const uint8_t *start = payload;
	struct cursor c = { start, start };
	bool whole, requests = false, more = true, outer = !s->receiving;
	struct message m;

	if (length)
		c.end += length;
	whole = length && length <= (s->config->mtu ? s->config->mtu : OFFLOAD_MTU);
	while (whole && c.at != c.end) {
		whole = parse(&c, &m, &more);
		requests |= m.type == REQUEST;
	}
	if (s->running && requests)
		return OFFLOAD_AGAIN;
	s->receiving = true;
	s->arrived = arrived;
	c.at = start;
	do {
		parse(&c, &m, &more);
		act(s, &m, whole);
	} while (more && c.at != c.end);
	if (outer) {
		s->receiving = false;
		offload_flush(s);
	}
	return 0;
}

int offload_receive(struct offload_server *s, const void *payload, size_t length)
{
	return offload_receive_at(s, payload, length, offload_now(s));
}
