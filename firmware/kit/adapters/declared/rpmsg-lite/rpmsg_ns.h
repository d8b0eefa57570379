// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of rpmsg-lite, lib/include/rpmsg_ns.h.

#ifndef RPMSG_NS_H_
#define RPMSG_NS_H_

#include "rpmsg_lite.h"

enum rpmsg_ns_flags { RL_NS_CREATE = 0, RL_NS_DESTROY = 1 };

int32_t rpmsg_ns_announce(struct rpmsg_lite_instance *rpmsg_lite_dev, struct rpmsg_lite_endpoint *new_ept, const char *ept_name,
			  uint32_t flags);

#endif
