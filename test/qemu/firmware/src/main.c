// SPDX-License-Identifier: Apache-2.0

#include "core.h"
#include "rpmsg.h"
#include "sessions.h"
#include "trace.h"

enum { ECHO_ADDRESS = 1024 };

int main(void);

static void receive(uint32_t source, uint32_t destination, const void *payload, size_t length)
{
	switch (destination) {
	case ECHO_ADDRESS:
		rpmsg_send(ECHO_ADDRESS, source, payload, length);
		break;
	case SESSIONS_ADDRESS:
		sessions_receive(source, payload, length);
		break;
	default:
		trace("rpmsg: nobody at %u, message of %u from %u", (uint64_t)destination, (uint64_t)length, (uint64_t)source);
	}
}

int main(void)
{
	uint64_t next;

	*core_control(CTRL_ALIVE) = CTRL_ALIVE_MAGIC;
	core_init();
	trace("offload firmware for " CORE_NAME ", boot %u", (uint64_t)*core_control(CTRL_BOOTS));
	rpmsg_start();
	rpmsg_announce("rpmsg-raw", ECHO_ADDRESS);
	rpmsg_announce("offload", SESSIONS_ADDRESS);
	for (;;) {
		core_acknowledge();
		next = sessions_work();
		// Last, so that nothing that was sent above can have acknowledged the kick for what comes now.
		if (rpmsg_receive(receive) == 0)
			core_wait(next);
	}
}
