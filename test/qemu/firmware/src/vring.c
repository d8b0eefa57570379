// SPDX-License-Identifier: Apache-2.0

#include "vring.h"

#include "core.h"
#include "trace.h"

enum { AVAIL_F_NO_INTERRUPT = 1 };

static bool inside(uint64_t address, uint64_t length, uint64_t base, uint64_t size)
{
	return address >= base && length <= size && address - base <= size - length;
}

bool vring_init(struct vring *r, uint32_t address, uint32_t entries, uint32_t align)
{
	uintptr_t used;

	if (entries == 0 || entries > 256 || entries & (entries - 1) || align < 16 || align & (align - 1) ||
	    !inside(address, CORE_VRING_SIZE, CORE_BASE + CORE_VRING0, 2 * CORE_VRING_SIZE))
		return false;
	r->entries = (uint16_t)entries;
	r->descriptors = (volatile struct vring_descriptor *)(uintptr_t)address;
	r->avail = (volatile uint16_t *)((uintptr_t)address + 16 * entries);
	used = ((uintptr_t)address + 16 * entries + 2 * (3 + entries) + align - 1) & ~(uintptr_t)(align - 1);
	r->used_head = (volatile uint16_t *)used;
	r->used = (volatile struct vring_used *)(used + 4);
	r->next_avail = r->next_used = 0;
	return used + 6 + 8 * entries <= (uintptr_t)address + CORE_VRING_SIZE;
}

void *vring_take(struct vring *r, uint16_t *id, uint32_t *length)
{
	uint64_t address;

	while (r->avail[1] != r->next_avail) {
		core_barrier(); // the entry is read after the index that says it is there
		*id = r->avail[2 + r->next_avail++ % r->entries];
		if (*id >= r->entries) {
			trace("vring: descriptor %u of %u", (uint64_t)*id, (uint64_t)r->entries);
			continue;
		}
		address = r->descriptors[*id].address;
		*length = r->descriptors[*id].length;
		if (inside(address, *length, CORE_BASE + CORE_VBUF, CORE_VBUF_SIZE) && address % 4 == 0)
			return (void *)(uintptr_t)address;
		trace("vring: buffer at %x, %u bytes", address, (uint64_t)*length);
		vring_give(r, *id, 0);
	}
	return NULL;
}

bool vring_give(struct vring *r, uint16_t id, uint32_t length)
{
	r->used[r->next_used % r->entries].id = id;
	r->used[r->next_used % r->entries].length = length;
	core_barrier(); // the entry and the buffer are there before the index says so
	r->used_head[1] = ++r->next_used;
	core_barrier(); // the index is there before we look whether Linux sleeps
	return !(r->avail[0] & AVAIL_F_NO_INTERRUPT);
}
