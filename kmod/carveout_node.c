// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/dma_heap/NAME without dma_heap_add(), which mainline does not export to
 * modules (6.12): a misc device with a node in the right place, and the ioctl
 * of drivers/dma-buf/dma-heap.c. User space sees no difference but in sysfs,
 * where the device is in /sys/class/misc; and the module can be unloaded.
 */
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-heap.h>

#include "carveout_heap.h"

static int node_open(struct inode *inode, struct file *file)
{
	struct carveout_heap *heap = container_of(file->private_data, struct carveout_heap, misc);

	file->private_data = carveout_heap_get(heap);
	return nonseekable_open(inode, file);
}

static int node_release(struct inode *inode, struct file *file)
{
	carveout_heap_put(file->private_data);
	return 0;
}

static struct dma_buf *node_allocate(struct carveout_heap *heap,
				     struct dma_heap_allocation_data *data)
{
	struct dma_buf *dmabuf;
	u64 size;
	int fd;

	if (data->fd)
		return ERR_PTR(-EINVAL);
	if (data->fd_flags & ~DMA_HEAP_VALID_FD_FLAGS)
		return ERR_PTR(-EINVAL);
	if (data->heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS)
		return ERR_PTR(-EINVAL);
	size = PAGE_ALIGN(data->len);
	if (!size)
		return ERR_PTR(-EINVAL);
	if (size > heap->region.size)
		return ERR_PTR(-ENOMEM);

	dmabuf = carveout_buffer_export(heap, size, data->fd_flags);
	if (IS_ERR(dmabuf))
		return dmabuf;

	fd = get_unused_fd_flags(data->fd_flags);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return ERR_PTR(fd);
	}
	data->fd = fd;
	return dmabuf;
}

/*
 * As in dma_heap_ioctl(), the number alone says which request it is, and the
 * caller's structure may be shorter or longer than ours.
 */
static long node_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dma_heap_allocation_data data = {};
	void __user *argp = (void __user *)arg;
	size_t in = 0, out = 0;
	struct dma_buf *dmabuf;

	if (_IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -EINVAL;
	if (cmd & IOC_IN)
		in = min_t(size_t, _IOC_SIZE(cmd), sizeof(data));
	if (cmd & IOC_OUT)
		out = min_t(size_t, _IOC_SIZE(cmd), sizeof(data));

	if (copy_from_user(&data, argp, in))
		return -EFAULT;
	dmabuf = node_allocate(file->private_data, &data);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (copy_to_user(argp, &data, out)) {
		put_unused_fd(data.fd);
		dma_buf_put(dmabuf);
		return -EFAULT;
	}
	fd_install(data.fd, dmabuf->file);
	return 0;
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

int carveout_node_add(struct carveout_heap *heap)
{
	heap->misc.minor = MISC_DYNAMIC_MINOR;
	heap->misc.name = heap->label;
	heap->misc.nodename = heap->path;
	heap->misc.fops = &node_fops;
	return misc_register(&heap->misc);
}

void carveout_node_remove(struct carveout_heap *heap)
{
	misc_deregister(&heap->misc);
}
