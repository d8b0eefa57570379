// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of libmetal, lib/include/metal/cache.h.

#ifndef METAL_CACHE_H
#define METAL_CACHE_H

void metal_cache_flush(void *addr, unsigned int len);
void metal_cache_invalidate(void *addr, unsigned int len);

#endif
