// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer: a run of pages of a region, exported as a DMA-BUF.
 *
 * Nothing in here grows with the number of pages but the page tables of those
 * who map the buffer. Mainline's CMA heap keeps an array of struct page pointers
 * from kmalloc() for each buffer, which ends at 2 GiB.
 */
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "carveout_heap.h"

/* The length of an entry is an unsigned int. */
#define ENTRY_MAX	((size_t)UINT_MAX & PAGE_MASK)

/**
 * struct carveout_buffer - a buffer
 * @heap: where it comes from
 * @phys: its first address
 * @size: in bytes, whole pages
 * @lock: protects what follows, and the attachments
 * @attachments: all of them
 * @vaddr: the kernel's mapping, while there is one
 * @vmaps: users of @vaddr
 */
struct carveout_buffer {
	struct carveout_heap *heap;
	phys_addr_t phys;
	size_t size;
	struct mutex lock; /* see above */
	struct list_head attachments;
	void *vaddr;
	unsigned int vmaps;
};

struct carveout_attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table table;
	bool mapped;
};

static int buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct carveout_buffer *buffer = dmabuf->priv;
	struct carveout_attachment *a;
	struct scatterlist *sg;
	size_t done = 0;
	int err, i;

	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	err = sg_alloc_table(&a->table, DIV_ROUND_UP(buffer->size, ENTRY_MAX), GFP_KERNEL);
	if (err) {
		kfree(a);
		return err;
	}
	/* Memory that the kernel does not map has no pages that one could refer to. */
	for_each_sgtable_sg(&a->table, sg, i) {
		sg->length = min_t(size_t, buffer->size - done, ENTRY_MAX);
		if (buffer->heap->region.cached)
			sg_set_page(sg, pfn_to_page(PHYS_PFN(buffer->phys + done)), sg->length, 0);
		done += sg->length;
	}
	a->dev = attachment->dev;
	attachment->priv = a;

	mutex_lock(&buffer->lock);
	list_add(&a->node, &buffer->attachments);
	mutex_unlock(&buffer->lock);
	return 0;
}

static void buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct carveout_buffer *buffer = dmabuf->priv;
	struct carveout_attachment *a = attachment->priv;

	mutex_lock(&buffer->lock);
	list_del(&a->node);
	mutex_unlock(&buffer->lock);

	sg_free_table(&a->table);
	kfree(a);
}

/*
 * The DMA API would copy what the device cannot reach, or warn and fail. It can
 * be known before: without an IOMMU the address is the memory's own.
 */
static bool reachable(struct device *dev, phys_addr_t phys, size_t size)
{
	dma_addr_t addr;

	if (device_iommu_mapped(dev))
		return true;
	if (!dev->dma_mask)
		return false;
	addr = phys_to_dma(dev, phys);
	return addr != DMA_MAPPING_ERROR &&
	       addr + size - 1 <= min_not_zero(*dev->dma_mask, dev->bus_dma_limit);
}

/* Memory without pages: dma_map_sgtable() cannot have it, and there are no caches to maintain. */
static int map_uncached(struct carveout_buffer *buffer, struct carveout_attachment *a,
			enum dma_data_direction dir)
{
	phys_addr_t phys = buffer->phys;
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&a->table, sg, i) {
		/*
		 * dma_map_resource() is for registers: where no IOMMU is in
		 * between it ignores the offset of the device's bus.
		 */
		if (device_iommu_mapped(a->dev))
			sg_dma_address(sg) = dma_map_resource(a->dev, phys, sg->length, dir, 0);
		else
			sg_dma_address(sg) = phys_to_dma(a->dev, phys);
		if (dma_mapping_error(a->dev, sg_dma_address(sg)))
			goto unmap;
		sg_dma_len(sg) = sg->length;
		phys += sg->length;
	}
	a->table.nents = a->table.orig_nents;
	return 0;

unmap:
	while (i--) {
		sg = &a->table.sgl[i];
		dma_unmap_resource(a->dev, sg_dma_address(sg), sg_dma_len(sg), dir, 0);
	}
	return -ENOMEM;
}

static void unmap_uncached(struct carveout_attachment *a, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	if (!device_iommu_mapped(a->dev))
		return;
	for_each_sgtable_sg(&a->table, sg, i)
		dma_unmap_resource(a->dev, sg_dma_address(sg), sg_dma_len(sg), dir, 0);
}

static struct sg_table *buffer_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction dir)
{
	struct carveout_buffer *buffer = attachment->dmabuf->priv;
	struct carveout_attachment *a = attachment->priv;
	int err;

	if (!reachable(a->dev, buffer->phys, buffer->size))
		return ERR_PTR(-ENXIO);

	/* With the lock: SYNC must not meet a mapping half made. */
	mutex_lock(&buffer->lock);
	if (buffer->heap->region.cached)
		err = dma_map_sgtable(a->dev, &a->table, dir, 0);
	else
		err = map_uncached(buffer, a, dir);
	a->mapped = !err;
	mutex_unlock(&buffer->lock);
	return err ? ERR_PTR(err) : &a->table;
}

static void buffer_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction dir)
{
	struct carveout_buffer *buffer = attachment->dmabuf->priv;
	struct carveout_attachment *a = attachment->priv;

	mutex_lock(&buffer->lock);
	a->mapped = false;
	if (buffer->heap->region.cached)
		dma_unmap_sgtable(a->dev, table, dir, 0);
	else
		unmap_uncached(a, dir);
	mutex_unlock(&buffer->lock);
}

static int buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct carveout_buffer *buffer = dmabuf->priv;
	struct carveout_attachment *a;

	if (!buffer->heap->region.cached)
		return 0;

	mutex_lock(&buffer->lock);
	if (buffer->vmaps)
		invalidate_kernel_vmap_range(buffer->vaddr, buffer->size);
	list_for_each_entry(a, &buffer->attachments, node)
		if (a->mapped)
			dma_sync_sgtable_for_cpu(a->dev, &a->table, dir);
	mutex_unlock(&buffer->lock);
	return 0;
}

static int buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct carveout_buffer *buffer = dmabuf->priv;
	struct carveout_attachment *a;

	if (!buffer->heap->region.cached) {
		/* Drain the write-combining buffers: the next thing may be a doorbell. */
		wmb();
		return 0;
	}

	mutex_lock(&buffer->lock);
	if (buffer->vmaps)
		flush_kernel_vmap_range(buffer->vaddr, buffer->size);
	list_for_each_entry(a, &buffer->attachments, node)
		if (a->mapped)
			dma_sync_sgtable_for_device(a->dev, &a->table, dir);
	mutex_unlock(&buffer->lock);
	return 0;
}

/* The DMA-BUF core has checked that offset and length lie in the buffer. */
static int buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct carveout_buffer *buffer = dmabuf->priv;

	/* A private copy would not be what the device sees. */
	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if (!buffer->heap->region.cached)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);

	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(buffer->phys) + vma->vm_pgoff,
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct carveout_buffer *buffer = dmabuf->priv;
	int err = 0;

	mutex_lock(&buffer->lock);
	if (!buffer->vmaps)
		buffer->vaddr = carveout_region_map(&buffer->heap->region, buffer->phys,
						    buffer->size);
	if (buffer->vaddr) {
		buffer->vmaps++;
		iosys_map_set_vaddr(map, buffer->vaddr);
	} else {
		err = -ENOMEM;
	}
	mutex_unlock(&buffer->lock);
	return err;
}

static void buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct carveout_buffer *buffer = dmabuf->priv;

	mutex_lock(&buffer->lock);
	if (!--buffer->vmaps) {
		memunmap(buffer->vaddr);
		buffer->vaddr = NULL;
	}
	mutex_unlock(&buffer->lock);
	iosys_map_clear(map);
}

static void buffer_free(struct carveout_buffer *buffer)
{
	carveout_region_free(&buffer->heap->region, buffer->phys, buffer->size);
	atomic_dec(&buffer->heap->buffers);
	carveout_heap_put(buffer->heap);
	kfree(buffer);
}

static void buffer_release(struct dma_buf *dmabuf)
{
	struct carveout_buffer *buffer = dmabuf->priv;

	if (WARN_ON(buffer->vmaps))
		memunmap(buffer->vaddr);
	buffer_free(buffer);
}

static const struct dma_buf_ops buffer_ops = {
	.attach = buffer_attach,
	.detach = buffer_detach,
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.begin_cpu_access = buffer_begin_cpu_access,
	.end_cpu_access = buffer_end_cpu_access,
	.mmap = buffer_mmap,
	.vmap = buffer_vmap,
	.vunmap = buffer_vunmap,
	.release = buffer_release,
};

/**
 * carveout_buffer_export() - allocate a buffer
 * @heap: where from
 * @size: in bytes, whole pages
 * @fd_flags: access mode and O_CLOEXEC
 *
 * It is cleared here and not when it is freed: a remote processor that did not
 * stop in time may write to it in between.
 *
 * Return: the buffer; ENOMEM if no free range is large enough; EINTR if the
 * process was killed meanwhile
 */
struct dma_buf *carveout_buffer_export(struct carveout_heap *heap, size_t size, u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct carveout_buffer *buffer;
	struct dma_buf *dmabuf;
	int err;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	err = carveout_region_alloc(&heap->region, size, &buffer->phys);
	if (err) {
		kfree(buffer);
		return ERR_PTR(err);
	}
	buffer->heap = carveout_heap_get(heap);
	atomic_inc(&heap->buffers);
	buffer->size = size;
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->attachments);

	err = carveout_region_clear(&heap->region, buffer->phys, size);
	if (err)
		goto free;

	exp_info.exp_name = heap->name;
	exp_info.ops = &buffer_ops;
	exp_info.size = size;
	exp_info.flags = fd_flags;
	exp_info.priv = buffer;
	dmabuf = dma_buf_export(&exp_info);
	if (!IS_ERR(dmabuf))
		return dmabuf;
	err = PTR_ERR(dmabuf);
free:
	buffer_free(buffer);
	return ERR_PTR(err);
}
