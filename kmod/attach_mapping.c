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

#include "attach.h"

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

static int attach_pin(struct attach_pin *pin, struct dma_buf *dmabuf, struct device *dev)
{
	int err;

	pin->attachment = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(pin->attachment))
		return PTR_ERR(pin->attachment);

	pin->sgt = dma_buf_map_attachment_unlocked(pin->attachment, DMA_BIDIRECTIONAL);
	if (IS_ERR(pin->sgt)) {
		err = PTR_ERR(pin->sgt);
		goto detach;
	}
	if (!contiguous(pin->sgt, dmabuf->size)) {
		dev_err_ratelimited(dev, "DMA-BUF of %zu bytes from %s is not contiguous (%u pieces)\n",
				    dmabuf->size, dmabuf->exp_name, pin->sgt->nents);
		err = -EINVAL;
		goto unmap;
	}
	pin->addr = sg_dma_address(pin->sgt->sgl);
	return 0;

unmap:
	dma_buf_unmap_attachment_unlocked(pin->attachment, pin->sgt, DMA_BIDIRECTIONAL);
detach:
	dma_buf_detach(dmabuf, pin->attachment);
	return err;
}

static void attach_unpin(struct attach_pin *pin, struct dma_buf *dmabuf)
{
	dma_buf_unmap_attachment_unlocked(pin->attachment, pin->sgt, DMA_BIDIRECTIONAL);
	dma_buf_detach(dmabuf, pin->attachment);
	pin->attachment = NULL;
}

/*
 * The DMA API copies what a device cannot reach to memory that it can reach,
 * and gives the address of the copy; or it warns and fails. A processor that
 * works on a buffer for long must not be given the former, and user space must
 * not be able to bring about the latter. So where either may happen the buffer
 * is first attached to a device that reaches everything, to see where it is.
 */
static bool may_bounce(struct device *dev)
{
	/* Exactly if the swiotlb can come into play. */
	if (dma_max_mapping_size(dev) != SIZE_MAX)
		return true;
	if (device_iommu_mapped(dev))
		return false;
	return dev->dma_range_map || dma_get_mask(dev) != DMA_BIT_MASK(64) || dev->bus_dma_limit;
}

static int out_of_reach(struct device *dev, struct dma_buf *dmabuf, dma_addr_t addr)
{
	dev_err_ratelimited(dev, "DMA-BUF of %zu bytes from %s at %pad is out of reach (mask %#llx)\n",
			    dmabuf->size, dmabuf->exp_name, &addr, dma_get_mask(dev));
	return -ENXIO;
}

static int attach_pin_in_reach(struct attach_pin *pin, struct dma_buf *dmabuf, struct device *dev)
{
	struct device *scout_dev = attach_scout_device();
	struct attach_pin scout;
	dma_addr_t addr;
	int err;

	err = attach_pin(&scout, dmabuf, scout_dev);
	if (err)
		return err;

	addr = phys_to_dma(dev, dma_to_phys(scout_dev, scout.addr));
	if (addr == DMA_MAPPING_ERROR ||
	    addr + dmabuf->size - 1 > min_not_zero(dma_get_mask(dev), dev->bus_dma_limit)) {
		err = out_of_reach(dev, dmabuf, scout.addr);
		goto out;
	}
	err = attach_pin(pin, dmabuf, dev);
	if (err)
		goto out;
	/* swiotlb=force, a restricted-dma-pool: copied although it is in reach. */
	if (pin->addr != addr) {
		err = out_of_reach(dev, dmabuf, scout.addr);
		attach_unpin(pin, dmabuf);
	}
out:
	attach_unpin(&scout, dmabuf);
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
	attach_unpin(&mapping->pin, mapping->dmabuf);
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
	if (may_bounce(target->dev))
		err = attach_pin_in_reach(&mapping->pin, dmabuf, target->dev);
	else
		err = attach_pin(&mapping->pin, dmabuf, target->dev);
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
	if (last && mapping->pin.attachment)
		attach_mapping_end(mapping);
	up_read(&target->use);

	if (last)
		kfree(mapping);
}
