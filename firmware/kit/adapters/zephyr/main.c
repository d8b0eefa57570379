// SPDX-License-Identifier: Apache-2.0
//
// The kit in Zephyr over the IPC service: main of an application. Checked by a compiler against prototypes declared from
// Zephyr's documentation (../declared/zephyr), not built with Zephyr itself.
//
// The IPC service has a back end for RPMsg between two Zephyr images. Towards Linux, which speaks RPMsg with a resource
// table, use Zephyr's OpenAMP library (CONFIG_OPENAMP, sample openamp_rsc_table) and ../openamp/server.c as it is.
//
// Callbacks come in the back end's own work queue. The kit runs in one thread, so payloads are copied into a queue.

#include <errno.h>

#include <zephyr/cache.h>
#include <zephyr/device.h>
#include <zephyr/ipc/ipc_service.h>
#include <zephyr/kernel.h>

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

struct payload {
	size_t length;
	uint8_t bytes[OFFLOAD_MTU];
};

// As deep as the host's window, so that nothing is lost that the host may send.
K_MSGQ_DEFINE(arrived, sizeof(struct payload), OFFLOAD_CALLS + 2, 8);

static struct ipc_ept endpoint;
static struct offload_server server;
static uint32_t lost;

static int send(void *user, const void *payload, size_t length)
{
	int sent;

	(void)user;
	// Without a free buffer ipc_service_send says -ENOMEM at once; the kit wants it to wait.
	while ((sent = ipc_service_send(&endpoint, payload, length)) == -ENOMEM)
		k_yield();
	return sent < 0;
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
			sys_cache_data_invd_range(p, (size_t)length);
		else if (w->cached)
			sys_cache_data_flush_range(p, (size_t)length);
		return p;
	}
	return NULL;
}

static uint64_t clock_us(void *user)
{
	(void)user;
	return (uint64_t)k_uptime_get() * 1000;
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
	.name = "zephyr example",
	.clock = clock_us,
	.cache_line = 64,
	.features = OFFLOAD_FEATURE_BATCH | OFFLOAD_FEATURE_DEADLINE,
};

static void received(const void *data, size_t length, void *priv)
{
	static struct payload p; // of one work queue only, and too large for its stack
	const uint8_t *bytes = data;
	size_t i;

	(void)priv;
	p.length = length;
	for (i = 0; i < length && i < sizeof p.bytes; i++)
		p.bytes[i] = bytes[i];
	if (length > sizeof p.bytes || k_msgq_put(&arrived, &p, K_NO_WAIT))
		lost++;
}

static const struct ipc_ept_cfg endpoint_config = {
	.name = "offload",
	.cb = { .received = received },
};

int main(void)
{
	const struct device *instance = DEVICE_DT_GET(DT_NODELABEL(ipc0));
	static struct payload p;
	int err;

	if (offload_init(&server, &config))
		return -EINVAL;
	err = ipc_service_open_instance(instance);
	if (err < 0 && err != -EALREADY)
		return err;
	err = ipc_service_register_endpoint(instance, &endpoint, &endpoint_config);
	if (err < 0)
		return err;
	for (;;)
		if (!k_msgq_get(&arrived, &p, K_FOREVER))
			offload_receive(&server, p.bytes, p.length);
}
