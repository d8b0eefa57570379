// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of rpmsg-lite, lib/include/rpmsg_lite.h, without RL_USE_STATIC_API and RL_USE_ENVIRONMENT_CONTEXT.

#ifndef RPMSG_LITE_H_
#define RPMSG_LITE_H_

#include <stddef.h>
#include <stdint.h>

#define RL_SUCCESS (0)
#define RL_NULL ((void *)0)
#define RL_ADDR_ANY (0xFFFFFFFFU)
#define RL_RELEASE (0)
#define RL_BLOCK (~0UL)
#define RL_TRUE (1UL)
#define RL_NO_FLAGS (0U)

struct rpmsg_lite_instance;
struct rpmsg_lite_endpoint;

typedef int32_t (*rl_ept_rx_cb_t)(void *payload, uint32_t payload_len, uint32_t src, void *priv);

struct rpmsg_lite_instance *rpmsg_lite_remote_init(void *shmem_addr, uint32_t link_id, uint32_t init_flags);
uint32_t rpmsg_lite_wait_for_link_up(struct rpmsg_lite_instance *rpmsg_lite_dev, uint32_t timeout);
struct rpmsg_lite_endpoint *rpmsg_lite_create_ept(struct rpmsg_lite_instance *rpmsg_lite_dev, uint32_t addr,
						  rl_ept_rx_cb_t rx_cb, void *rx_cb_data);
int32_t rpmsg_lite_send(struct rpmsg_lite_instance *rpmsg_lite_dev, struct rpmsg_lite_endpoint *ept, uint32_t dst, char *data,
			uint32_t size, uintptr_t timeout);

#endif
