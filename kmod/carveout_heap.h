/* SPDX-License-Identifier: GPL-2.0 */
/*
 * carveout_heap: a region of reserved memory as a DMA-BUF heap.
 *
 * A heap has a region; the region has a bitmap of its pages; a buffer is a run
 * of pages, so always contiguous.
 */
#ifndef _CARVEOUT_HEAP_H
#define _CARVEOUT_HEAP_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct dma_buf;

/**
 * struct carveout_region - memory that buffers are cut from
 * @node: in the list of claimed regions
 * @base: bus address of its first page, as the CPU sees it
 * @size: a multiple of the page size
 * @cached: how the CPU maps it: with its caches, or write-combined
 * @lock: protects @used and @free
 * @used: a bit for each page
 * @pages: bits in @used
 * @free: bits in @used that are clear
 */
struct carveout_region {
	struct list_head node;
	phys_addr_t base;
	phys_addr_t size;
	bool cached;
	struct mutex lock; /* see above */
	unsigned long *used;
	unsigned int pages;
	unsigned int free;
};

/**
 * struct carveout_heap - a heap
 * @ref: the device, each open file, each buffer
 * @name: of the node in /dev/dma_heap
 * @path: of the node below /dev
 * @label: of the device in /sys/class/misc
 * @region: its memory
 * @misc: the node
 * @buffers: how many there are
 */
struct carveout_heap {
	struct kref ref;
	char *name;
	char *path;
	char *label;
	struct carveout_region region;
	struct miscdevice misc;
	atomic_t buffers;
};

/* carveout_region.c */
int carveout_region_init(struct carveout_region *region, phys_addr_t base, phys_addr_t size,
			 bool cached);
void carveout_region_fini(struct carveout_region *region);
int carveout_region_alloc(struct carveout_region *region, size_t size, phys_addr_t *phys);
void carveout_region_free(struct carveout_region *region, phys_addr_t phys, size_t size);
void carveout_region_usage(struct carveout_region *region, u64 *free, u64 *largest);
void *carveout_region_map(struct carveout_region *region, phys_addr_t phys, size_t size);
int carveout_region_clear(struct carveout_region *region, phys_addr_t phys, size_t size);

/* carveout_buffer.c */
struct dma_buf *carveout_buffer_export(struct carveout_heap *heap, size_t size, u32 fd_flags);

/* carveout_node.c, or carveout_dma_heap.c where the kernel lets a module add a heap */
int carveout_node_add(struct carveout_heap *heap);
void carveout_node_remove(struct carveout_heap *heap);

/* carveout_driver.c */
struct carveout_heap *carveout_heap_get(struct carveout_heap *heap);
void carveout_heap_put(struct carveout_heap *heap);

#endif
