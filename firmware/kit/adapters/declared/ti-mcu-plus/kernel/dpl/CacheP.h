// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of the MCU+ SDK, source/kernel/dpl/CacheP.h.

#ifndef CACHEP_H
#define CACHEP_H

#include <stdint.h>

#define CacheP_TYPE_ALLD (0x000Au)

void CacheP_wb(void *addr, uint32_t size, uint32_t type);
void CacheP_inv(void *addr, uint32_t size, uint32_t type);

#endif
