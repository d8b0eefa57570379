// SPDX-License-Identifier: Apache-2.0
//
// The kit over TI's MCU+ SDK, in one task: server_run never returns. Checked by a compiler against prototypes declared from
// the SDK's documentation (../declared/ti-mcu-plus), not built with the SDK itself.
//
// RPMessage's callbacks come in interrupt context, so the task takes the payloads with RPMessage_recv. Vrings, resource
// table and Drivers_open are SysConfig's, as in the SDK's example ipc_rpmsg_echo_linux.

#include "server.h"

#include <drivers/ipc_rpmsg.h>
#include <kernel/dpl/CacheP.h>
#include <kernel/dpl/ClockP.h>
#include <kernel/dpl/SystemP.h>

#include "offload_kit.h"

enum {
	ENDPOINT = 20, // any below RPMESSAGE_MAX_LOCAL_ENDPT that the firmware does not use elsewhere
	LINUX = CSL_CORE_ID_A53SS0_0,
};

// Device addresses that functions may touch, where this core finds them, and whether through a data cache. Replace them
// by the windows of the processor in the board profile.
static const struct window {
	uint64_t device, size;
	uintptr_t local;
	bool cached;
} windows[] = {
	{ 0x40000000, 0x10000000, 0x40000000, true },
	{ 0x70000000, 0x00100000, 0x70000000, false },
};

static RPMessage_Object object;
static uint16_t host, host_core = LINUX; // the endpoint that sent last
static struct offload_server server;

static int send(void *user, const void *payload, size_t length)
{
	(void)user;
	// The declaration lacks a const; RPMessage_send copies the payload.
	return RPMessage_send((void *)(uintptr_t)payload, (uint16_t)length, host_core, host, ENDPOINT, SystemP_WAIT_FOREVER) !=
	       SystemP_SUCCESS;
}

static void *memory(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access)
{
	const struct window *w;

	(void)user;
	(void)access;
	for (w = windows; w < windows + sizeof windows / sizeof *windows; w++) {
		void *p;

		if (address < w->device || length > w->size || address - w->device > w->size - length)
			continue;
		p = (void *)(w->local + (uintptr_t)(address - w->device));
		// Lines of an old call must go before the first read; and before the first write too, where a line that is dirty
		// from earlier would be written over what the host put there.
		if (w->cached && op == OFFLOAD_BEGIN)
			CacheP_inv(p, (uint32_t)length, CacheP_TYPE_ALLD);
		else if (w->cached)
			CacheP_wb(p, (uint32_t)length, CacheP_TYPE_ALLD);
		return p;
	}
	return NULL;
}

static uint64_t clock_us(void *user)
{
	(void)user;
	return ClockP_getTimeUsec();
}

static enum offload_done sum(struct offload_call *call, void *user)
{
	struct offload_in data = offload_arg_data(call);
	uint64_t total = 0;
	size_t i;

	(void)user;
	if (!offload_args_end(call))
		return OFFLOAD_DONE;
	for (i = 0; i < data.length; i++)
		total += data.data[i];
	offload_put_u64(call, total);
	return OFFLOAD_DONE;
}

static const struct offload_method methods[] = { { "sum", sum, NULL, 0 } };

static const struct offload_config config = {
	.send = send,
	.memory = memory,
	.methods = methods,
	.method_count = sizeof methods / sizeof *methods,
	.name = "mcu+ sdk example",
	.clock = clock_us,
	.cache_line = 128, // a C7x has 128, a Cortex-R5F 32; the larger one is right for both
	.features = OFFLOAD_FEATURE_BATCH | OFFLOAD_FEATURE_DEADLINE,
};

int server_run(void)
{
	static uint8_t payload[OFFLOAD_MTU];
	RPMessage_CreateParams params;

	if (offload_init(&server, &config) || RPMessage_waitForLinuxReady(SystemP_WAIT_FOREVER) != SystemP_SUCCESS)
		return -1;
	RPMessage_CreateParams_init(&params);
	params.localEndPt = ENDPOINT;
	if (RPMessage_construct(&object, &params) != SystemP_SUCCESS || RPMessage_announce(LINUX, ENDPOINT, "offload") != SystemP_SUCCESS)
		return -1;
	for (;;) {
		uint16_t length = sizeof payload;

		if (RPMessage_recv(&object, payload, &length, &host_core, &host, SystemP_WAIT_FOREVER) == SystemP_SUCCESS)
			offload_receive(&server, payload, length);
	}
}
