// SPDX-License-Identifier: Apache-2.0
//
// The kit over OpenAMP: firmware calls server_start once its rpmsg device is there. Checked by a compiler against
// prototypes declared from OpenAMP's documentation (../declared/openamp), not built with OpenAMP itself.
//
// rpmsg callbacks come from whoever calls rproc_virtio_notified or remoteproc_get_notification: the main loop or one task,
// never an interrupt handler. That is the context of the server.

#include "server.h"

#include <metal/cache.h>
#include <openamp/open_amp.h>

#include "offload_kit.h"

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

static struct rpmsg_endpoint endpoint;
static uint32_t host; // the endpoint that sent last
static struct offload_server server;

static int send(void *user, const void *payload, size_t length)
{
	(void)user;
	return rpmsg_sendto(&endpoint, payload, (int)length, host) < 0;
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
			metal_cache_invalidate(p, (unsigned)length);
		else if (w->cached)
			metal_cache_flush(p, (unsigned)length);
		return p;
	}
	return NULL;
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
	.name = "openamp example",
	.cache_line = 64,
	.features = OFFLOAD_FEATURE_BATCH,
};

static int receive(struct rpmsg_endpoint *ept, void *data, size_t length, uint32_t source, void *priv)
{
	(void)ept;
	(void)priv;
	host = source;
	offload_receive(&server, data, length);
	return RPMSG_SUCCESS; // the payload is OpenAMP's again
}

int server_start(struct rpmsg_device *device)
{
	if (offload_init(&server, &config))
		return -1;
	// With RPMSG_ADDR_ANY as destination OpenAMP announces the service, and Linux makes a channel of it.
	return rpmsg_create_ept(&endpoint, device, "offload", RPMSG_ADDR_ANY, RPMSG_ADDR_ANY, receive, NULL);
}
