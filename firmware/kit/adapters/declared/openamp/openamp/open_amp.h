// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of OpenAMP, lib/include/openamp/rpmsg.h.

#ifndef OPEN_AMP_H
#define OPEN_AMP_H

#include <stddef.h>
#include <stdint.h>

#define RPMSG_SUCCESS 0
#define RPMSG_ADDR_ANY 0xFFFFFFFF

struct rpmsg_endpoint;
struct rpmsg_device;

typedef int (*rpmsg_ept_cb)(struct rpmsg_endpoint *ept, void *data, size_t len, uint32_t src, void *priv);
typedef void (*rpmsg_ns_unbind_cb)(struct rpmsg_endpoint *ept);

// Only the members that the example uses.
struct rpmsg_endpoint {
	uint32_t addr;
	uint32_t dest_addr;
	void *priv;
};

int rpmsg_create_ept(struct rpmsg_endpoint *ept, struct rpmsg_device *rdev, const char *name, uint32_t src, uint32_t dest,
		     rpmsg_ept_cb cb, rpmsg_ns_unbind_cb ns_unbind_cb);
void rpmsg_destroy_ept(struct rpmsg_endpoint *ept);
int rpmsg_sendto(struct rpmsg_endpoint *ept, const void *data, int len, uint32_t dst);

#endif
