// SPDX-License-Identifier: Apache-2.0
//
// Notifications to the host.

#include "kit.h"

static void plain(struct offload_server *s, const struct pack *p, const uint8_t *bytes)
{
	if (p->full)
		s->stats.dropped++;
	else
		offload_send(s, bytes, (size_t)(p->at - bytes));
}

void offload_log(struct offload_server *s, enum offload_level level, const char *text, size_t length)
{
	uint8_t bytes[OFFLOAD_LOG_MAX + 8];
	struct pack p = { bytes, bytes + sizeof bytes, false };
	size_t max = s->mtu - 8 < OFFLOAD_LOG_MAX ? s->mtu - 8 : OFFLOAD_LOG_MAX, i;

	if (!offload_agreed(s, OFFLOAD_FEATURE_LOG))
		return;
	while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (length > max)
		for (length = max; length && ((uint8_t)text[length] & 0xc0) == 0x80; length--)
			;
	offload_pack_size(&p, KIND_ARRAY, 3);
	offload_pack_uint(&p, 2);
	offload_pack_uint(&p, METHOD_LOG);
	offload_pack_size(&p, KIND_ARRAY, 2);
	offload_pack_uint(&p, (unsigned)level > OFFLOAD_ERROR ? OFFLOAD_ERROR : (unsigned)level);
	offload_pack_size(&p, KIND_STR, (uint32_t)length);
	for (i = 0; i < length; i++)
		offload_pack_bytes(&p, (uint8_t)text[i] < ' ' || text[i] == 0x7f ? " " : text + i, 1);
	plain(s, &p, bytes);
}

void offload_beat(struct offload_server *s)
{
	uint8_t bytes[32];
	struct pack p = { bytes, bytes + sizeof bytes, false };

	if (!offload_agreed(s, OFFLOAD_FEATURE_BEAT))
		return;
	offload_pack_size(&p, KIND_ARRAY, 3);
	offload_pack_uint(&p, 2);
	offload_pack_uint(&p, METHOD_BEAT);
	offload_pack_size(&p, KIND_ARRAY, 3);
	offload_pack_uint(&p, ++s->beats);
	offload_pack_uint(&p, offload_now(s));
	offload_pack_uint(&p, offload_open_calls(s));
	plain(s, &p, bytes);
}

// The note that a running notice reads and one that is being written cannot be the same: while the first lives there
// is no second. The control call is free whenever firmware code runs.
struct offload_call *offload_note(struct offload_server *s, const char *name, uint32_t count)
{
	struct offload_call *n = &s->control;
	struct offload_writer *w = &s->notes;
	size_t length = offload_bounded_length(name, OFFLOAD_NAME_MAX + 1);
	uint8_t head[9];

	memset(n, 0, sizeof *n);
	n->server = s;
	n->note = true;
	n->phase = PHASE_RUNNING;
	w->owner = n;
	w->held = w->length = 0;
	w->need = 3;
	if (length == 0 || length > OFFLOAD_NAME_MAX)
		offload_set_code(n, OFFLOAD_BAD_ARGUMENTS, "name of a notification: 1 to 32 bytes");
	w->bytes[w->length++] = 0x93;
	offload_put(n, head, offload_head_uint(head, 2), NULL, 0, 0);
	offload_put_str(n, name, length);
	offload_put_array(n, count);
	return n;
}

int offload_note_send(struct offload_call *n)
{
	struct offload_server *s = n->server;
	struct offload_writer *w = &s->notes;
	bool good = n->note && n->phase == PHASE_RUNNING && w->owner == n && !n->code && !w->need;
	size_t length = w->length;

	n->phase = PHASE_FREE;
	w->owner = NULL;
	w->length = 0;
	if (!good)
		return -1;
	return s->config->send(s->config->user, w->bytes, length) ? -1 : 0;
}
