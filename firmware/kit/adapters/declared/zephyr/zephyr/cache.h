// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of Zephyr, include/zephyr/cache.h.

#ifndef ZEPHYR_CACHE_H
#define ZEPHYR_CACHE_H

#include <stddef.h>

int sys_cache_data_flush_range(void *addr, size_t size);
int sys_cache_data_invd_range(void *addr, size_t size);

#endif
