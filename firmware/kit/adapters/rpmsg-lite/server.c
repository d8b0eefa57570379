// SPDX-License-Identifier: Apache-2.0
//
// The kit over rpmsg-lite, in one task: server_run never returns. Checked by a compiler against prototypes declared from
// rpmsg-lite's documentation (../declared/rpmsg-lite), not built with rpmsg-lite itself.
//
// rpmsg-lite calls endpoint callbacks in interrupt context; the kit must not run there. So a queue takes the payloads, and
// the task serves them without a copy. It needs RL_API_HAS_ZEROCOPY, and RL_BUFFER_PAYLOAD_SIZE 496 for Linux.

#include "server.h"

#include "fsl_cache.h"
#include "offload_kit.h"
#include "rpmsg_lite.h"
#include "rpmsg_ns.h"
#include "rpmsg_queue.h"

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

static struct rpmsg_lite_instance *instance;
static struct rpmsg_lite_endpoint *endpoint;
static uint32_t host; // the endpoint that sent last
static struct offload_server server;

static int send(void *user, const void *payload, size_t length)
{
	(void)user;
	// The declaration lacks a const; rpmsg_lite_send copies the payload.
	return rpmsg_lite_send(instance, endpoint, host, (char *)(uintptr_t)payload, (uint32_t)length, RL_BLOCK) != RL_SUCCESS;
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
			DCACHE_InvalidateByRange((uint32_t)(uintptr_t)p, (uint32_t)length);
		else if (w->cached)
			DCACHE_CleanByRange((uint32_t)(uintptr_t)p, (uint32_t)length);
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
	.name = "rpmsg-lite example",
	.cache_line = 32,
	.features = OFFLOAD_FEATURE_BATCH,
};

int server_run(void *shared_memory, uint32_t link_id)
{
	rpmsg_queue_handle queue;

	if (offload_init(&server, &config))
		return -1;
	instance = rpmsg_lite_remote_init(shared_memory, link_id, RL_NO_FLAGS);
	if (!instance || rpmsg_lite_wait_for_link_up(instance, (uint32_t)RL_BLOCK) != RL_TRUE)
		return -1;
	queue = rpmsg_queue_create(instance);
	endpoint = queue ? rpmsg_lite_create_ept(instance, RL_ADDR_ANY, rpmsg_queue_rx_cb, queue) : RL_NULL;
	if (!endpoint || rpmsg_ns_announce(instance, endpoint, "offload", RL_NS_CREATE) != RL_SUCCESS)
		return -1;
	for (;;) {
		uint32_t source, length;
		char *payload;

		if (rpmsg_queue_recv_nocopy(instance, queue, &source, &payload, &length, (uint32_t)RL_BLOCK) != RL_SUCCESS)
			continue;
		host = source;
		offload_receive(&server, payload, length);
		rpmsg_queue_nocopy_free(instance, payload);
	}
}
