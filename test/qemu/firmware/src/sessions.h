// SPDX-License-Identifier: Apache-2.0
//
// One server of the kit for each endpoint of the host that talks to the service, so that several programs share a core.

#ifndef SESSIONS_H
#define SESSIONS_H

#include <stddef.h>
#include <stdint.h>

enum { SESSIONS_ADDRESS = 1025 };

void sessions_receive(uint32_t source, const void *payload, size_t length);

// sessions_work does what is due: sleepers, heartbeats. Returns when there is something to do next.
uint64_t sessions_work(void);

#endif
