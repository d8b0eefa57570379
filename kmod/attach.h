/* SPDX-License-Identifier: GPL-2.0 */
/*
 * offload_attach: addresses of DMA-BUFs for remote processors.
 *
 * A target is a device that buffers are attached to: one per remote processor,
 * and one without a processor for plain bus addresses. A mapping is one buffer
 * attached to one target. An open file of a node holds records; each record
 * holds a reference on its mapping and on the buffer.
 */
#ifndef _OFFLOAD_ATTACH_H
#define _OFFLOAD_ATTACH_H

#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

struct file;
struct poll_table_struct;

/**
 * struct attach_target - what buffers are attached to
 * @ref: the node and each open file of it
 * @dev: whose DMA configuration counts: mask, offsets, coherence, IOMMU
 * @refuse: why this target can give no addresses, a negative errno, or 0
 * @use: held for reading by who calls the DMA API for @dev, for writing by who
 *	 ends all mappings
 * @lock: protects @mappings and the user counts of the mappings
 * @mappings: live mappings
 * @epoch: 1 and one more for each end; written with @use held for writing
 * @gone: @dev must not be used any more; written with @use held for writing
 * @wait: woken when mappings end
 */
struct attach_target {
	struct kref ref;
	struct device *dev;
	int refuse;
	struct rw_semaphore use;
	struct mutex lock; /* see above */
	struct list_head mappings;
	unsigned long epoch;
	bool gone;
	wait_queue_head_t wait;
};

/**
 * struct attach_pin - a buffer mapped for a device
 * @attachment: NULL once it is not any more
 * @sgt: its pieces, which follow each other
 * @addr: of the first byte, on the device's bus
 */
struct attach_pin {
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;
	dma_addr_t addr;
};

/**
 * struct attach_mapping - a buffer attached to a target and mapped for it
 * @node: in the target's list while live
 * @target: the target
 * @dmabuf: the buffer; the references are the records'
 * @pin: what the DMA API knows of it, until the target ends its mappings
 * @users: records
 */
struct attach_mapping {
	struct list_head node;
	struct attach_target *target;
	struct dma_buf *dmabuf;
	struct attach_pin pin;
	unsigned int users;
};

/* attach_target.c */
void attach_device_init(struct device *dev);
struct attach_target *attach_target_create(struct device *dev, int refuse);
struct attach_target *attach_target_get(struct attach_target *target);
void attach_target_put(struct attach_target *target);
void attach_target_end(struct attach_target *target, bool gone);

/* attach_mapping.c */
struct attach_mapping *attach_mapping_get(struct attach_target *target, struct dma_buf *dmabuf);
void attach_mapping_put(struct attach_mapping *mapping);
void attach_mapping_end(struct attach_mapping *mapping);

/* attach_scout.c */
int attach_scout_init(void);
void attach_scout_exit(void);
struct device *attach_scout_device(void);

/* attach_file.c: the file operations that both kinds of node share */
int attach_file_open(struct file *file, struct attach_target *target);
int attach_file_release(struct inode *inode, struct file *file);
long attach_file_ioctl(struct file *file, void __user *argp, unsigned int limit);
__poll_t attach_file_poll(struct file *file, struct poll_table_struct *wait);
void attach_file_show(struct seq_file *m, struct file *file);

#ifdef CONFIG_PROC_FS
#define ATTACH_FILE_FDINFO	.show_fdinfo = attach_file_show,
#else
#define ATTACH_FILE_FDINFO
#endif

/* attach_phys.c */
int attach_phys_init(void);
void attach_phys_exit(void);

/* attach_rproc.c */
#if IS_ENABLED(CONFIG_REMOTEPROC)
int attach_rproc_init(void);
void attach_rproc_exit(void);
#else
static inline int attach_rproc_init(void)
{
	return 0;
}

static inline void attach_rproc_exit(void)
{
}
#endif

#endif
