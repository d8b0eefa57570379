// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_H
#define SERVER_H

struct rpmsg_device;

// server_start opens the endpoint "offload". Nonzero: it could not.
int server_start(struct rpmsg_device *device);

#endif
