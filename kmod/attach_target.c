// SPDX-License-Identifier: GPL-2.0
/* What buffers are attached to, and the end of all its mappings at once. */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "attach.h"

/**
 * attach_device_init() - let a device have buffers in one piece
 * @dev: what they will be attached to
 *
 * Who says nothing has a limit of 64 KiB for a piece, which is about hardware
 * that walks scatter lists. A processor does not.
 */
void attach_device_init(struct device *dev)
{
	if (dev->dma_parms && !dev->dma_parms->max_segment_size)
		dma_set_max_seg_size(dev, UINT_MAX);
}

struct attach_target *attach_target_create(struct device *dev, int refuse)
{
	struct attach_target *target;

	target = kzalloc(sizeof(*target), GFP_KERNEL);
	if (!target)
		return NULL;

	attach_device_init(dev);
	kref_init(&target->ref);
	target->dev = get_device(dev);
	target->refuse = refuse;
	init_rwsem(&target->use);
	mutex_init(&target->lock);
	INIT_LIST_HEAD(&target->mappings);
	target->epoch = 1;
	init_waitqueue_head(&target->wait);
	return target;
}

static void attach_target_free(struct kref *ref)
{
	struct attach_target *target = container_of(ref, struct attach_target, ref);

	WARN_ON(!list_empty(&target->mappings));
	put_device(target->dev);
	kfree(target);
}

struct attach_target *attach_target_get(struct attach_target *target)
{
	kref_get(&target->ref);
	return target;
}

void attach_target_put(struct attach_target *target)
{
	kref_put(&target->ref, attach_target_free);
}

/**
 * attach_target_end() - end all mappings of a target
 * @target: the target
 * @gone: its device goes away and must not be used after this call
 *
 * The records stay with their files and keep the buffers, but the addresses
 * are void: each file that holds one answers ESTALE from now on (ENODEV if the
 * device is gone). When this returns, nobody is inside the DMA API for the
 * target's device.
 */
void attach_target_end(struct attach_target *target, bool gone)
{
	struct attach_mapping *mapping, *next;

	down_write(&target->use);
	list_for_each_entry_safe(mapping, next, &target->mappings, node) {
		list_del_init(&mapping->node);
		attach_mapping_end(mapping);
	}
	WRITE_ONCE(target->epoch, target->epoch + 1);
	if (gone)
		WRITE_ONCE(target->gone, true);
	up_write(&target->use);

	wake_up_all(&target->wait);
}
