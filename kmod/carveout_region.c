// SPDX-License-Identifier: GPL-2.0
/* Memory that buffers are cut from: first fit, whole pages. */
#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "carveout_heap.h"

/* How much is mapped at once for clearing: 32-bit kernels have little room. */
#define CLEAR_CHUNK	SZ_16M

static LIST_HEAD(regions);
static DEFINE_MUTEX(regions_lock);

/* Two heaps over the same memory would hand out the same pages twice. */
static int carveout_region_claim(struct carveout_region *region)
{
	struct carveout_region *other;
	int err = 0;

	mutex_lock(&regions_lock);
	list_for_each_entry(other, &regions, node)
		if (region->base < other->base + other->size &&
		    other->base < region->base + region->size)
			err = -EBUSY;
	if (!err)
		list_add(&region->node, &regions);
	mutex_unlock(&regions_lock);
	return err;
}

/**
 * carveout_region_init() - take a region
 * @region: zeroed
 * @base: its first address
 * @size: its size; pieces of a page at both ends are left out
 * @cached: whether the kernel maps it with the CPU's caches as well
 *
 * Return: 0; EINVAL if nothing is left or the kernel has no pages for a region
 * that it should map; EBUSY if another heap has some of it
 */
int carveout_region_init(struct carveout_region *region, phys_addr_t base, phys_addr_t size,
			 bool cached)
{
	phys_addr_t end = ALIGN_DOWN(base + size, PAGE_SIZE);
	int err;

	base = ALIGN(base, PAGE_SIZE);
	if (base >= end || PHYS_PFN(end - base) > INT_MAX)
		return -EINVAL;
	if (cached && !(pfn_valid(PHYS_PFN(base)) && pfn_valid(PHYS_PFN(end - 1))))
		return -EINVAL;

	region->base = base;
	region->size = end - base;
	region->cached = cached;
	region->pages = PHYS_PFN(region->size);
	region->free = region->pages;
	mutex_init(&region->lock);
	region->used = vzalloc(BITS_TO_LONGS(region->pages) * sizeof(long));
	if (!region->used)
		return -ENOMEM;

	err = carveout_region_claim(region);
	if (err)
		vfree(region->used);
	return err;
}

void carveout_region_fini(struct carveout_region *region)
{
	mutex_lock(&regions_lock);
	list_del(&region->node);
	mutex_unlock(&regions_lock);
	vfree(region->used);
}

/**
 * carveout_region_alloc() - take pages
 * @region: the region
 * @size: in bytes, whole pages
 * @phys: set to the first address
 *
 * Return: 0, or ENOMEM if there is no free range of that size
 */
int carveout_region_alloc(struct carveout_region *region, size_t size, phys_addr_t *phys)
{
	unsigned long first;
	unsigned int pages;
	int err = -ENOMEM;

	if (size > region->size)
		return -ENOMEM;
	pages = PHYS_PFN(size);

	mutex_lock(&region->lock);
	first = bitmap_find_next_zero_area(region->used, region->pages, 0, pages, 0);
	if (first < region->pages) {
		bitmap_set(region->used, first, pages);
		region->free -= pages;
		*phys = region->base + PFN_PHYS(first);
		err = 0;
	}
	mutex_unlock(&region->lock);
	return err;
}

void carveout_region_free(struct carveout_region *region, phys_addr_t phys, size_t size)
{
	mutex_lock(&region->lock);
	bitmap_clear(region->used, PHYS_PFN(phys - region->base), PHYS_PFN(size));
	region->free += PHYS_PFN(size);
	mutex_unlock(&region->lock);
}

/**
 * carveout_region_usage() - what is left
 * @region: the region
 * @free: set to the free bytes
 * @largest: set to the bytes of the largest free range: what can be had in one
 *	     buffer at this moment
 */
void carveout_region_usage(struct carveout_region *region, u64 *free, u64 *largest)
{
	unsigned int start, end, most = 0;

	mutex_lock(&region->lock);
	for_each_clear_bitrange(start, end, region->used, region->pages)
		most = max(most, end - start);
	*free = PFN_PHYS((u64)region->free);
	mutex_unlock(&region->lock);
	*largest = PFN_PHYS((u64)most);
}

/**
 * carveout_region_map() - make a part of a region visible to the kernel
 * @region: the region
 * @phys: first address
 * @size: in bytes
 *
 * The same memory type as in user space's mappings: with two types the CPU may
 * see different contents.
 *
 * Return: an address for memunmap(), or NULL
 */
void *carveout_region_map(struct carveout_region *region, phys_addr_t phys, size_t size)
{
	return memremap(phys, size, region->cached ? MEMREMAP_WB : MEMREMAP_WC);
}

/* Gives up early, with EINTR, if the process was killed: gigabytes take seconds. */
int carveout_region_clear(struct carveout_region *region, phys_addr_t phys, size_t size)
{
	while (size) {
		size_t chunk = min_t(size_t, size, CLEAR_CHUNK);
		void *va = carveout_region_map(region, phys, chunk);

		if (!va)
			return -ENOMEM;
		memset(va, 0, chunk);
		memunmap(va);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		phys += chunk;
		size -= chunk;
	}
	return 0;
}
