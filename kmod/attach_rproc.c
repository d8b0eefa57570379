// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/offload/remoteprocN: RPROC_IOC_DMA_BUF_ATTACH for each remote processor.
 *
 * TI's kernels answer that request on /dev/remoteprocN itself; mainline's
 * character device cannot be extended by a module, so each processor gets a
 * second node. N is the same number.
 *
 * Two things have to be known that remoteproc has no interface for, and both
 * can be had from exported functions:
 *
 * - Which processors there are, and when they come and go. A class interface
 *   says so, but the class is not exported. rproc_alloc() fills it in, and an
 *   rproc that was never added leaves no trace when it is freed.
 *
 * - When a processor stops. A subdevice is told. The list of subdevices belongs
 *   to rproc->lock: rproc_boot(), rproc_shutdown(), rproc_detach() and recovery
 *   walk it with that held, so with it a subdevice can be added to a processor
 *   that already runs, and is told of its next stop.
 */
#include <linux/device.h>
#include <linux/device/class.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/platform_device.h>
#include <linux/remoteproc.h>
#include <linux/slab.h>

#include "attach.h"
#include "uapi/offload_attach.h"

/**
 * struct attach_rproc - a remote processor
 * @node: in rprocs
 * @rproc: the processor, valid until it is removed from the list
 * @subdev: tells when it stops
 * @target: what buffers are attached to
 * @misc: the node
 * @name: of @misc
 * @path: of @misc below /dev
 */
struct attach_rproc {
	struct list_head node;
	struct rproc *rproc;
	struct rproc_subdev subdev;
	struct attach_target *target;
	struct miscdevice misc;
	char name[32];
	char path[32];
};

/* The class's own lock is held around its interfaces, and covers this. */
static LIST_HEAD(rprocs);

static int rproc_node_open(struct inode *inode, struct file *file)
{
	struct attach_rproc *ar = container_of(file->private_data, struct attach_rproc, misc);

	return attach_file_open(file, ar->target);
}

static long rproc_node_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case RPROC_IOC_DMA_BUF_ATTACH:
		return attach_file_ioctl(file, (void __user *)arg, 0);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations rproc_node_fops = {
	.owner = THIS_MODULE,
	.open = rproc_node_open,
	.release = attach_file_release,
	.unlocked_ioctl = rproc_node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = attach_file_poll,
	ATTACH_FILE_FDINFO
};

/*
 * Called with rproc->lock held, after the processor was stopped or detached, or
 * when a start has failed; not if it could not be stopped: it may still be
 * using the buffers then.
 *
 * Crash recovery stops and starts it again within one call, with the state
 * still "crashed" and the power count not down to zero. Mappings outlive that,
 * as in TI's kernels: the processor finds the same memory at the same place.
 */
static void rproc_unprepare(struct rproc_subdev *subdev)
{
	struct attach_rproc *ar = container_of(subdev, struct attach_rproc, subdev);

	if (ar->rproc->state == RPROC_CRASHED && atomic_read(&ar->rproc->power))
		return;
	attach_target_end(ar->target, false);
}

/* Why buffers cannot be given addresses for this processor, or 0. */
static int rproc_refuse(struct rproc *rproc)
{
	/* The firmware's resource table decides what its IOMMU maps where. */
	if (rproc->has_iommu || rproc->domain)
		return -EOPNOTSUPP;
	/* Without a mask, mapping would warn and fail. */
	if (!rproc->dev.parent->dma_mask)
		return -EOPNOTSUPP;
	return 0;
}

static int attach_rproc_add(struct device *dev)
{
	struct rproc *rproc = container_of(dev, struct rproc, dev);
	struct attach_rproc *ar;
	int err;

	ar = kzalloc(sizeof(*ar), GFP_KERNEL);
	if (!ar)
		return -ENOMEM;

	/*
	 * The parent, not rproc->dev: the device of the hardware has the DMA
	 * mask, the offsets, dma-coherent and the IOMMU of the device tree.
	 */
	ar->target = attach_target_create(dev->parent, rproc_refuse(rproc));
	if (!ar->target) {
		err = -ENOMEM;
		goto free;
	}

	ar->rproc = rproc;
	snprintf(ar->name, sizeof(ar->name), "offload_%s", dev_name(dev));
	snprintf(ar->path, sizeof(ar->path), "offload/%s", dev_name(dev));
	ar->misc.minor = MISC_DYNAMIC_MINOR;
	ar->misc.name = ar->name;
	ar->misc.nodename = ar->path;
	ar->misc.fops = &rproc_node_fops;
	err = misc_register(&ar->misc);
	if (err)
		goto put;

	ar->subdev.unprepare = rproc_unprepare;
	mutex_lock(&rproc->lock);
	rproc_add_subdev(rproc, &ar->subdev);
	mutex_unlock(&rproc->lock);

	list_add(&ar->node, &rprocs);
	return 0;

put:
	attach_target_put(ar->target);
free:
	kfree(ar);
	dev_err(dev, "no /dev/offload/%s: %d\n", dev_name(dev), err);
	return err;
}

static void attach_rproc_remove(struct device *dev)
{
	struct rproc *rproc = container_of(dev, struct rproc, dev);
	struct attach_rproc *ar;

	list_for_each_entry(ar, &rprocs, node)
		if (ar->rproc == rproc)
			goto found;
	return;

found:
	list_del(&ar->node);
	misc_deregister(&ar->misc);

	mutex_lock(&rproc->lock);
	rproc_remove_subdev(rproc, &ar->subdev);
	mutex_unlock(&rproc->lock);

	/* The driver of the parent is about to be unbound: no use of the DMA API after this. */
	attach_target_end(ar->target, true);
	attach_target_put(ar->target);
	kfree(ar);
}

static struct class_interface rproc_interface = {
	.add_dev = attach_rproc_add,
	.remove_dev = attach_rproc_remove,
};

int attach_rproc_init(void)
{
	static const struct rproc_ops no_ops;
	struct rproc *rproc;

	/* Takes and gives back the next free N; nothing else is registered. */
	rproc = rproc_alloc(&platform_bus, KBUILD_MODNAME, &no_ops, "none", 0);
	if (!rproc)
		return -ENOMEM;
	rproc_interface.class = rproc->dev.class;
	rproc_free(rproc);

	return class_interface_register(&rproc_interface);
}

void attach_rproc_exit(void)
{
	class_interface_unregister(&rproc_interface);
}
