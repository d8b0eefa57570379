// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_H
#define SERVER_H

#include <stdint.h>

// server_run announces the service "offload" and serves it; the task of an RTOS. It returns only if that cannot be done.
// shared_memory and link_id are those of rpmsg_lite_remote_init, from the board's rpmsg_platform.h.
int server_run(void *shared_memory, uint32_t link_id);

#endif
