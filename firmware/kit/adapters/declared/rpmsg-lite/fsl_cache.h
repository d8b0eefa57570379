// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of the MCUXpresso SDK, drivers/cache/*/fsl_cache.h.

#ifndef FSL_CACHE_H_
#define FSL_CACHE_H_

#include <stdint.h>

void DCACHE_InvalidateByRange(uint32_t address, uint32_t size_byte);
void DCACHE_CleanByRange(uint32_t address, uint32_t size_byte);

#endif
