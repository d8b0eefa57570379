// SPDX-License-Identifier: GPL-2.0
/* An open file of a node: the buffers it holds attached. */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "attach.h"
#include "uapi/offload_attach.h"

/**
 * struct attach_file - an open file
 * @target: what its buffers are attached to
 * @lock: protects @records and @count
 * @records: what this file has attached, newest first
 * @count: length of @records
 * @epoch: the target's when the first buffer was attached, 0 before
 */
struct attach_file {
	struct attach_target *target;
	struct mutex lock; /* see above */
	struct list_head records;
	unsigned int count;
	unsigned long epoch;
};

struct attach_record {
	struct list_head node;
	struct attach_mapping *mapping;
	struct dma_buf *dmabuf;
};

/* 0, or why the file is of no more use. */
static int attach_file_state(struct attach_file *af)
{
	unsigned long epoch = READ_ONCE(af->epoch);

	if (READ_ONCE(af->target->gone))
		return -ENODEV;
	if (epoch && epoch != READ_ONCE(af->target->epoch))
		return -ESTALE;
	return 0;
}

int attach_file_open(struct file *file, struct attach_target *target)
{
	struct attach_file *af;

	af = kzalloc(sizeof(*af), GFP_KERNEL);
	if (!af)
		return -ENOMEM;
	af->target = attach_target_get(target);
	mutex_init(&af->lock);
	INIT_LIST_HEAD(&af->records);
	file->private_data = af;
	return nonseekable_open(file_inode(file), file);
}

static void attach_record_free(struct attach_record *record)
{
	attach_mapping_put(record->mapping);
	dma_buf_put(record->dmabuf);
	kfree(record);
}

int attach_file_release(struct inode *inode, struct file *file)
{
	struct attach_file *af = file->private_data;
	struct attach_record *record, *next;

	list_for_each_entry_safe(record, next, &af->records, node)
		attach_record_free(record);
	attach_target_put(af->target);
	kfree(af);
	return 0;
}

static int attach_file_add_locked(struct attach_file *af, struct attach_record *record)
{
	struct attach_target *target = af->target;
	struct attach_mapping *mapping;
	int err;

	down_read(&target->use);
	err = attach_file_state(af);
	if (!err)
		err = target->refuse;
	if (err)
		goto out;

	mapping = attach_mapping_get(target, record->dmabuf);
	if (IS_ERR(mapping)) {
		err = PTR_ERR(mapping);
		goto out;
	}
	record->mapping = mapping;
	list_add(&record->node, &af->records);
	af->count++;
	WRITE_ONCE(af->epoch, target->epoch);
out:
	up_read(&target->use);
	return err;
}

static struct attach_record *attach_file_add(struct attach_file *af, int fd, unsigned int limit)
{
	struct attach_record *record;
	int err;

	record = kzalloc(sizeof(*record), GFP_KERNEL);
	if (!record)
		return ERR_PTR(-ENOMEM);
	record->dmabuf = dma_buf_get(fd);
	if (IS_ERR(record->dmabuf)) {
		err = PTR_ERR(record->dmabuf);
		goto free;
	}

	if (mutex_lock_interruptible(&af->lock)) {
		err = -ERESTARTSYS;
		goto put;
	}
	if (limit && af->count >= limit)
		err = -EFAULT;
	else
		err = attach_file_add_locked(af, record);
	mutex_unlock(&af->lock);
	if (!err)
		return record;
put:
	dma_buf_put(record->dmabuf);
free:
	kfree(record);
	return ERR_PTR(err);
}

static void attach_file_drop(struct attach_file *af, struct attach_record *record)
{
	mutex_lock(&af->lock);
	list_del(&record->node);
	if (!--af->count)
		WRITE_ONCE(af->epoch, 0);
	mutex_unlock(&af->lock);
	attach_record_free(record);
}

/**
 * attach_file_ioctl() - attach a buffer until the file is closed
 * @file: the open file
 * @argp: struct rproc_dma_buf_attach_data, or dma_buf_phys_data: they are alike
 * @limit: how many buffers one file may hold, 0 is any number
 *
 * Return: 0 or a negative errno: EINVAL for padding that is not zero; EBADF and
 * EINVAL for an fd that is none or not a DMA-BUF; EINVAL if it is not
 * contiguous; ENXIO if the device cannot reach it; EFAULT if the file is full,
 * as TI's driver has it; ESTALE, ENODEV if the file is of no more use
 */
long attach_file_ioctl(struct file *file, void __user *argp, unsigned int limit)
{
	struct attach_file *af = file->private_data;
	struct rproc_dma_buf_attach_data data;
	struct attach_record *record;

	BUILD_BUG_ON(sizeof(data) != 16);
	BUILD_BUG_ON(sizeof(data) != sizeof(struct dma_buf_phys_data));
	BUILD_BUG_ON(offsetof(struct dma_buf_phys_data, phys) !=
		     offsetof(struct rproc_dma_buf_attach_data, da));

	if (copy_from_user(&data, argp, sizeof(data)))
		return -EFAULT;
	if (data.pad)
		return -EINVAL;

	record = attach_file_add(af, data.fd, limit);
	if (IS_ERR(record))
		return PTR_ERR(record);

	/* The mapping may end at any time, its structure lives as long as the record. */
	data.da = record->mapping->pin.addr;
	if (copy_to_user(argp, &data, sizeof(data))) {
		attach_file_drop(af, record);
		return -EFAULT;
	}
	return 0;
}

__poll_t attach_file_poll(struct file *file, struct poll_table_struct *wait)
{
	struct attach_file *af = file->private_data;

	poll_wait(file, &af->target->wait, wait);
	return attach_file_state(af) ? EPOLLERR | EPOLLHUP : 0;
}

#ifdef CONFIG_PROC_FS
/* /proc/PID/fdinfo: each buffer with its inode number, as in /sys/kernel/dmabuf/buffers. */
void attach_file_show(struct seq_file *m, struct file *file)
{
	struct attach_file *af = file->private_data;
	struct attach_record *record;
	int state;

	mutex_lock(&af->lock);
	state = attach_file_state(af);
	seq_printf(m, "device:\t%s\nstate:\t%s\ncount:\t%u\n", dev_name(af->target->dev),
		   state == -ENODEV ? "gone" : state == -ESTALE ? "ended" : "live", af->count);
	list_for_each_entry(record, &af->records, node)
		seq_printf(m, "attached:\tino %lu size %zu addr %pad\n",
			   file_inode(record->dmabuf->file)->i_ino, record->dmabuf->size,
			   &record->mapping->pin.addr);
	mutex_unlock(&af->lock);
}
#endif
