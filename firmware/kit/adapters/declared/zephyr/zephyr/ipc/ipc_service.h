// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of Zephyr, include/zephyr/ipc/ipc_service.h.

#ifndef ZEPHYR_IPC_SERVICE_H
#define ZEPHYR_IPC_SERVICE_H

#include <stddef.h>

#include <zephyr/device.h>

struct ipc_service_cb {
	void (*bound)(void *priv);
	void (*unbound)(void *priv);
	void (*received)(const void *data, size_t len, void *priv);
	void (*error)(const char *message, void *priv);
};

struct ipc_ept {
	const struct device *instance;
	void *token;
};

struct ipc_ept_cfg {
	const char *name;
	int prio;
	struct ipc_service_cb cb;
	void *priv;
};

int ipc_service_open_instance(const struct device *instance);
int ipc_service_register_endpoint(const struct device *instance, struct ipc_ept *ept, const struct ipc_ept_cfg *cfg);
int ipc_service_send(struct ipc_ept *ept, const void *data, size_t len);

#endif
