// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of Zephyr, include/zephyr/kernel.h.

#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	int64_t ticks;
} k_timeout_t;

#define K_NO_WAIT ((k_timeout_t){ 0 })
#define K_FOREVER ((k_timeout_t){ -1 })

struct k_msgq {
	size_t msg_size;
};

#define K_MSGQ_DEFINE(name, size, max, align) struct k_msgq name = { size }

int k_msgq_put(struct k_msgq *msgq, const void *data, k_timeout_t timeout);
int k_msgq_get(struct k_msgq *msgq, void *data, k_timeout_t timeout);
int64_t k_uptime_get(void);
void k_yield(void);

#endif
