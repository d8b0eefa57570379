// SPDX-License-Identifier: GPL-2.0
/*
 * One buffer attached to one target.
 *
 * All files that attach the same buffer to the same target share one mapping:
 * DMA_BUF_IOCTL_SYNC maintains the caches once per mapped attachment, so a
 * second one would double its cost. A mapping is found by its buffer only to be
 * joined; it is left by pointer, so that a file that still holds a mapping from
 * before an end cannot take away one that was made after it.
 */
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "attach.h"

#ifdef CONFIG_SWIOTLB
static bool in_pool(const struct io_tlb_pool *pool, phys_addr_t phys)
{
	return phys >= pool->start && phys < pool->end;
}

/* is_swiotlb_buffer() was renamed twice between 6.6 and 6.12 and is partly not exported. */
static bool is_bounce_buffer(struct device *dev, phys_addr_t phys)
{
	struct io_tlb_mem *mem = dev->dma_io_tlb_mem;
	bool found = false;

	if (!mem)
		return false;
#ifdef CONFIG_SWIOTLB_DYNAMIC
	struct io_tlb_pool *pool;

	rcu_read_lock();
	list_for_each_entry_rcu(pool, &mem->pools, node)
		found |= in_pool(pool, phys);
	list_for_each_entry_rcu(pool, &dev->dma_io_tlb_pools, node)
		found |= in_pool(pool, phys);
	rcu_read_unlock();
#else
	found = in_pool(&mem->defpool, phys);
#endif
	return found;
}
#else
static bool is_bounce_buffer(struct device *dev, phys_addr_t phys)
{
	return false;
}
#endif

/*
 * The DMA API copies a buffer that the device cannot reach to memory that it
 * can reach, and gives the address of the copy. A processor that works for long
 * on a buffer, and hands its address on, must not be given that one.
 *
 * dma_max_mapping_size() is limited exactly if the device is one for which the
 * API may bounce: not behind an IOMMU, and its mask does not cover all memory.
 */
static bool bounced(struct device *dev, struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	if (dma_max_mapping_size(dev) == SIZE_MAX)
		return false;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (is_bounce_buffer(dev, dma_to_phys(dev, sg_dma_address(sg))))
			return true;
	return false;
}

/*
 * One address stands for the whole buffer, so its pieces must follow each
 * other. Exporters list neighbours one by one: a udmabuf over huge pages has an
 * entry for each 4 KiB.
 */
static bool contiguous(struct sg_table *sgt, size_t size)
{
	struct scatterlist *sg;
	dma_addr_t next = 0;
	u64 sum = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (i && sg_dma_address(sg) != next)
			return false;
		next = sg_dma_address(sg) + sg_dma_len(sg);
		sum += sg_dma_len(sg);
	}
	return sum >= size;
}

static int check(struct device *dev, struct dma_buf *dmabuf, struct sg_table *sgt)
{
	if (!contiguous(sgt, dmabuf->size)) {
		dev_err_ratelimited(dev, "DMA-BUF of %zu bytes from %s is not contiguous (%u pieces)\n",
				    dmabuf->size, dmabuf->exp_name, sgt->nents);
		return -EINVAL;
	}
	if (bounced(dev, sgt)) {
		dev_err_ratelimited(dev, "DMA-BUF of %zu bytes from %s lies beyond the DMA mask %#llx\n",
				    dmabuf->size, dmabuf->exp_name, dma_get_mask(dev));
		return -ENXIO;
	}
	return 0;
}

static int attach_mapping_start(struct attach_mapping *mapping)
{
	struct dma_buf *dmabuf = mapping->dmabuf;
	struct device *dev = mapping->target->dev;
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;
	int err;

	attachment = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);

	sgt = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		err = PTR_ERR(sgt);
		goto detach;
	}

	err = check(dev, dmabuf, sgt);
	if (err)
		goto unmap;

	mapping->attachment = attachment;
	mapping->sgt = sgt;
	mapping->addr = sg_dma_address(sgt->sgl);
	return 0;

unmap:
	dma_buf_unmap_attachment_unlocked(attachment, sgt, DMA_BIDIRECTIONAL);
detach:
	dma_buf_detach(dmabuf, attachment);
	return err;
}

/**
 * attach_mapping_end() - unmap and detach
 * @mapping: live, and in no list
 *
 * The caller holds the target's use.
 *
 * Unmapping invalidates the CPU's cache for a device that is not coherent. What
 * the CPU has written by then, possibly between SYNC_START and SYNC_END of a
 * process that does not know of this end, must reach the memory first.
 */
void attach_mapping_end(struct attach_mapping *mapping)
{
	dma_buf_end_cpu_access(mapping->dmabuf, DMA_BIDIRECTIONAL);
	dma_buf_unmap_attachment_unlocked(mapping->attachment, mapping->sgt, DMA_BIDIRECTIONAL);
	dma_buf_detach(mapping->dmabuf, mapping->attachment);
	mapping->attachment = NULL;
	mapping->sgt = NULL;
}

static struct attach_mapping *attach_mapping_join(struct attach_target *target,
						  struct dma_buf *dmabuf)
{
	struct attach_mapping *mapping;

	lockdep_assert_held(&target->lock);

	list_for_each_entry(mapping, &target->mappings, node) {
		if (mapping->dmabuf == dmabuf) {
			mapping->users++;
			return mapping;
		}
	}
	return NULL;
}

/**
 * attach_mapping_get() - attach a buffer, or join who has
 * @target: what to attach it to; the caller holds its use for reading
 * @dmabuf: the buffer; the caller holds a reference until attach_mapping_put()
 *
 * Return: the mapping, or an error pointer
 */
struct attach_mapping *attach_mapping_get(struct attach_target *target, struct dma_buf *dmabuf)
{
	struct attach_mapping *mapping, *other;
	int err;

	mutex_lock(&target->lock);
	other = attach_mapping_join(target, dmabuf);
	mutex_unlock(&target->lock);
	if (other)
		return other;

	/* Without the lock: mapping a large buffer for a device that is not coherent takes long. */
	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&mapping->node);
	mapping->target = target;
	mapping->dmabuf = dmabuf;
	mapping->users = 1;
	err = attach_mapping_start(mapping);
	if (err) {
		kfree(mapping);
		return ERR_PTR(err);
	}

	mutex_lock(&target->lock);
	other = attach_mapping_join(target, dmabuf);
	if (!other)
		list_add(&mapping->node, &target->mappings);
	mutex_unlock(&target->lock);

	if (!other)
		return mapping;
	attach_mapping_end(mapping);
	kfree(mapping);
	return other;
}

/**
 * attach_mapping_put() - leave a mapping; the last one ends it
 * @mapping: from attach_mapping_get(), live or ended
 */
void attach_mapping_put(struct attach_mapping *mapping)
{
	struct attach_target *target = mapping->target;
	bool last;

	down_read(&target->use);
	mutex_lock(&target->lock);
	last = !--mapping->users;
	if (last)
		list_del_init(&mapping->node);
	mutex_unlock(&target->lock);
	if (last && mapping->attachment)
		attach_mapping_end(mapping);
	up_read(&target->use);

	if (last)
		kfree(mapping);
}
