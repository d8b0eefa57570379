// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/dma_heap/NAME by dma_heap_add(), for kernels that export it to modules.
 * A heap added so cannot be taken away again: the module stays loaded.
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/module.h>

#include "carveout_heap.h"
#include "compat.h"

static struct dma_buf *heap_allocate(struct dma_heap *dma_heap, unsigned long len, u32 fd_flags,
				     u64 heap_flags)
{
	struct carveout_heap *heap = dma_heap_get_drvdata(dma_heap);

	return carveout_buffer_export(heap, PAGE_ALIGN(len), fd_flags);
}

static const struct dma_heap_ops heap_ops = {
	.allocate = heap_allocate,
};

int carveout_node_add(struct carveout_heap *heap)
{
	struct dma_heap_export_info info = {
		.name = heap->name,
		.ops = &heap_ops,
		.priv = heap,
	};
	struct dma_heap *dma_heap;

	dma_heap = dma_heap_add(&info);
	if (IS_ERR(dma_heap))
		return PTR_ERR(dma_heap);
	carveout_heap_get(heap);
	__module_get(THIS_MODULE);
	return 0;
}

void carveout_node_remove(struct carveout_heap *heap)
{
}

OFFLOAD_IMPORT_NS(DMA_BUF_HEAP);
