// SPDX-License-Identifier: Apache-2.0

#include "sessions.h"

#include "commands.h"
#include "core.h"
#include "offload_kit.h"
#include "rpmsg.h"
#include "trace.h"
#include "windows.h"

enum { SESSIONS = 8, BEAT_US = 500000 };

static struct session {
	uint32_t peer; // the host's endpoint; 0: none yet
	uint64_t used;
	struct offload_config config;
	struct offload_server server;
} sessions[SESSIONS];

static uint64_t next_beat;

static int send(void *user, const void *payload, size_t length)
{
	const struct session *s = user;

	return rpmsg_send(SESSIONS_ADDRESS, s->peer, payload, length) ? 0 : -1;
}

// No caches: there is nothing to clean, and the barrier keeps what the host wrote before its message before our reads.
static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	(void)user;
	(void)access;
	core_barrier();
	return op == OFFLOAD_BEGIN ? windows_find(address, length) : NULL;
}

static uint64_t clock_us(void *user)
{
	(void)user;
	return core_now();
}

static void open(struct session *s, uint32_t peer)
{
	s->config = (struct offload_config){
		.user = s,
		.send = send,
		.memory = memory,
		.clock = clock_us,
		.methods = commands,
		.method_count = command_count,
		.name = "qemu " CORE_NAME,
		.address_bits = CORE_ADDRESS_BITS,
		.features = OFFLOAD_FEATURE_DEADLINE | OFFLOAD_FEATURE_CANCEL | OFFLOAD_FEATURE_BATCH |
			    OFFLOAD_FEATURE_BEAT | OFFLOAD_FEATURE_LOG,
	};
	s->peer = peer;
	offload_init(&s->server, &s->config);
	trace("session with %u", (uint64_t)peer);
}

// find gives the session of a host's endpoint; a new one takes the place of the one that was silent for longest. One
// with calls open is not taken: their answers would go to somebody else.
static struct session *find(uint32_t peer)
{
	struct session *oldest = NULL;
	unsigned i;

	for (i = 0; i < SESSIONS; i++) {
		if (sessions[i].peer == peer)
			return &sessions[i];
		if (sessions[i].peer && offload_open_calls(&sessions[i].server))
			continue;
		if (!oldest || sessions[i].used < oldest->used)
			oldest = &sessions[i];
	}
	if (oldest)
		open(oldest, peer);
	return oldest;
}

void sessions_receive(uint32_t source, const void *payload, size_t length)
{
	struct session *s = source ? find(source) : NULL;

	if (!s) {
		trace("no session for %u", (uint64_t)source);
		return;
	}
	s->used = core_now();
	offload_receive(&s->server, payload, length);
}

uint64_t sessions_work(void)
{
	uint64_t now = core_now(), next = offload_wake(&command_sleepers, now);
	unsigned i;

	if (now >= next_beat) {
		for (i = 0; i < SESSIONS; i++)
			if (sessions[i].peer)
				offload_beat(&sessions[i].server);
		next_beat = now + BEAT_US;
	}
	// Nobody listens before the first session: sleep for good.
	return sessions[0].peer && next_beat < next ? next_beat : next;
}
