// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/dma_heap/shadow: a heap on which a missing DMA_BUF_IOCTL_SYNC is wrong
 * data, every time.
 *
 * The emulator has no caches, so on any other heap here a program without
 * brackets works. Here the CPU and the devices have different memory, and
 * only begin/end_cpu_access move data between them, as a cache would:
 *
 *   cpu     pages that mmap shows ("what is in the cache")
 *   dev     reserved memory, whose address attachments get ("DRAM")
 *   synced  cpu when it was last in step with dev: a 64-byte line of cpu that
 *           differs from it is dirty
 *
 * clean (END, unless for reading only; map): dirty lines go cpu -> dev.
 * invalidate (START, unless for writing only; unmap): cpu := dev.
 * Nothing mapped by a device: nothing done, as in the kernel's own heaps.
 *
 * By the line, not by the buffer: copying all of it would report a correct
 * program as wrong when the device works on another part meanwhile.
 *
 * It is the worst case: no line is evicted early, none is fetched again. A
 * program that is right here has its brackets right; barriers, vrings and
 * carveouts are not covered.
 *
 * honour_coherent=1: an attachment of a dma-coherent device gets no copies,
 * although its memory is as separate as any: a device tree that lies.
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <uapi/linux/dma-heap.h>

#define SHADOW_LINE	64

static bool honour_coherent;
module_param(honour_coherent, bool, 0644);
MODULE_PARM_DESC(honour_coherent, "do nothing for devices that claim to be coherent");

struct shadow_heap {
	struct device *dev;
	struct miscdevice misc;
	struct gen_pool *pool;	/* over physical addresses */
	phys_addr_t base;
	void *va;
};

struct shadow_buffer {
	struct shadow_heap *heap;
	size_t len;
	struct mutex lock;	/* of attachments, and of a copy that runs */
	struct list_head attachments;
	phys_addr_t phys;
	u8 *cpu;
	u8 *dev;
	u8 *synced;
};

struct shadow_attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table table;
	bool mapped;
};

static void shadow_clean(struct shadow_buffer *buf)
{
	u8 line[SHADOW_LINE];
	size_t at;

	for (at = 0; at < buf->len; at += SHADOW_LINE) {
		/* One read of cpu: a program may be writing to it right now. */
		memcpy(line, buf->cpu + at, SHADOW_LINE);
		if (!memcmp(line, buf->synced + at, SHADOW_LINE))
			continue;
		memcpy(buf->dev + at, line, SHADOW_LINE);
		memcpy(buf->synced + at, line, SHADOW_LINE);
	}
	mb(); /* data before whatever tells the device about it */
}

static void shadow_invalidate(struct shadow_buffer *buf)
{
	mb(); /* whatever the device said, then its data */
	memcpy(buf->synced, buf->dev, buf->len);
	memcpy(buf->cpu, buf->synced, buf->len);
}

static bool shadow_needs_sync(struct shadow_attachment *a)
{
	return a->mapped && !(honour_coherent && dev_is_dma_coherent(a->dev));
}

static int shadow_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct shadow_buffer *buf = dmabuf->priv;
	struct shadow_attachment *a;
	int ret;

	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	ret = sg_alloc_table(&a->table, 1, GFP_KERNEL);
	if (ret) {
		kfree(a);
		return ret;
	}
	a->dev = attachment->dev;
	attachment->priv = a;

	mutex_lock(&buf->lock);
	list_add(&a->node, &buf->attachments);
	mutex_unlock(&buf->lock);
	return 0;
}

static void shadow_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct shadow_buffer *buf = dmabuf->priv;
	struct shadow_attachment *a = attachment->priv;

	mutex_lock(&buf->lock);
	list_del(&a->node);
	mutex_unlock(&buf->lock);
	sg_free_table(&a->table);
	kfree(a);
}

/* The memory has no struct page: only the DMA side of the table is filled. */
static struct sg_table *shadow_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	struct shadow_buffer *buf = attachment->dmabuf->priv;
	struct shadow_attachment *a = attachment->priv;

	if (buf->phys + buf->len - 1 > dma_get_mask(attachment->dev))
		return ERR_PTR(-EIO);

	sg_dma_address(a->table.sgl) = buf->phys;
	sg_dma_len(a->table.sgl) = buf->len;
	a->table.sgl->length = buf->len;
	a->table.nents = 1;

	mutex_lock(&buf->lock);
	a->mapped = true;
	if (shadow_needs_sync(a))
		shadow_clean(buf);
	mutex_unlock(&buf->lock);
	return &a->table;
}

static void shadow_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction direction)
{
	struct shadow_buffer *buf = attachment->dmabuf->priv;
	struct shadow_attachment *a = attachment->priv;

	mutex_lock(&buf->lock);
	if (shadow_needs_sync(a) && direction != DMA_TO_DEVICE)
		shadow_invalidate(buf);
	a->mapped = false;
	mutex_unlock(&buf->lock);
}

static bool shadow_any_needs_sync(struct shadow_buffer *buf)
{
	struct shadow_attachment *a;

	list_for_each_entry(a, &buf->attachments, node)
		if (shadow_needs_sync(a))
			return true;
	return false;
}

static int shadow_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	struct shadow_buffer *buf = dmabuf->priv;

	mutex_lock(&buf->lock);
	if (direction != DMA_TO_DEVICE && shadow_any_needs_sync(buf))
		shadow_invalidate(buf);
	mutex_unlock(&buf->lock);
	return 0;
}

static int shadow_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	struct shadow_buffer *buf = dmabuf->priv;

	mutex_lock(&buf->lock);
	if (direction != DMA_FROM_DEVICE && shadow_any_needs_sync(buf))
		shadow_clean(buf);
	mutex_unlock(&buf->lock);
	return 0;
}

static int shadow_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct shadow_buffer *buf = dmabuf->priv;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	return remap_vmalloc_range(vma, buf->cpu, vma->vm_pgoff);
}

static void shadow_free(struct shadow_buffer *buf)
{
	if (buf->phys)
		gen_pool_free(buf->heap->pool, buf->phys, buf->len);
	vfree(buf->synced);
	vfree(buf->cpu);
	kfree(buf);
}

static void shadow_release(struct dma_buf *dmabuf)
{
	shadow_free(dmabuf->priv);
}

static const struct dma_buf_ops shadow_ops = {
	.attach = shadow_attach,
	.detach = shadow_detach,
	.map_dma_buf = shadow_map,
	.unmap_dma_buf = shadow_unmap,
	.begin_cpu_access = shadow_begin_cpu_access,
	.end_cpu_access = shadow_end_cpu_access,
	.mmap = shadow_mmap,
	.release = shadow_release,
};

static struct dma_buf *shadow_allocate(struct shadow_heap *heap, size_t len, u32 fd_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct shadow_buffer *buf;
	struct dma_buf *dmabuf;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	mutex_init(&buf->lock);
	INIT_LIST_HEAD(&buf->attachments);
	buf->heap = heap;
	buf->len = len;
	buf->phys = gen_pool_alloc(heap->pool, len);
	if (buf->phys) {
		buf->dev = (u8 *)heap->va + (buf->phys - heap->base);
		memset(buf->dev, 0, len);
		buf->cpu = vmalloc_user(len);
		buf->synced = vzalloc(len);
	}
	if (!buf->cpu || !buf->synced) {
		shadow_free(buf);
		return ERR_PTR(-ENOMEM);
	}

	info.exp_name = heap->misc.name;
	info.ops = &shadow_ops;
	info.size = len;
	info.flags = fd_flags;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		shadow_free(buf);
	return dmabuf;
}

/* The rules of drivers/dma-buf/dma-heap.c, including structs of another size. */
static long shadow_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct shadow_heap *heap = container_of(file->private_data, struct shadow_heap, misc);
	struct dma_heap_allocation_data data = {};
	size_t size = min_t(size_t, _IOC_SIZE(cmd), sizeof(data));
	struct dma_buf *dmabuf;
	int fd;

	if (_IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -EINVAL;
	if (copy_from_user(&data, (void __user *)arg, size))
		return -EFAULT;
	if (data.fd || data.heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS ||
	    data.fd_flags & ~DMA_HEAP_VALID_FD_FLAGS)
		return -EINVAL;
	data.len = PAGE_ALIGN(data.len);
	if (!data.len)
		return -EINVAL;
	if (data.len > gen_pool_size(heap->pool))
		return -ENOMEM;

	dmabuf = shadow_allocate(heap, data.len, data.fd_flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, data.fd_flags);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}
	data.fd = fd;
	return copy_to_user((void __user *)arg, &data, size) ? -EFAULT : 0;
}

static const struct file_operations shadow_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = shadow_ioctl,
	.compat_ioctl = shadow_ioctl,
};

static int shadow_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct shadow_heap *heap;
	struct device_node *node;
	struct reserved_mem *rmem;
	int ret;

	heap = devm_kzalloc(dev, sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return -ENOMEM;
	heap->dev = dev;

	node = of_parse_phandle(dev->of_node, "memory-region", 0);
	rmem = node ? of_reserved_mem_lookup(node) : NULL;
	of_node_put(node);
	if (!rmem)
		return dev_err_probe(dev, -EINVAL, "memory-region names no reserved memory\n");
	heap->base = rmem->base;
	heap->va = devm_memremap(dev, rmem->base, rmem->size, MEMREMAP_WC);
	if (IS_ERR(heap->va))
		return PTR_ERR(heap->va);

	heap->pool = devm_gen_pool_create(dev, PAGE_SHIFT, NUMA_NO_NODE, NULL);
	if (IS_ERR(heap->pool))
		return PTR_ERR(heap->pool);
	ret = gen_pool_add(heap->pool, rmem->base, rmem->size, NUMA_NO_NODE);
	if (ret)
		return ret;

	/* dma_heap_add() is not exported in 6.12; a misc device of this name looks the same. */
	heap->misc.minor = MISC_DYNAMIC_MINOR;
	heap->misc.name = "shadow";
	heap->misc.nodename = "dma_heap/shadow";
	heap->misc.mode = 0600;
	heap->misc.fops = &shadow_fops;
	heap->misc.parent = dev;
	platform_set_drvdata(pdev, heap);
	return misc_register(&heap->misc);
}

static void shadow_remove(struct platform_device *pdev)
{
	struct shadow_heap *heap = platform_get_drvdata(pdev);

	misc_deregister(&heap->misc);
}

static const struct of_device_id shadow_match[] = {
	{ .compatible = "offload,shadow-heap" },
	{}
};
MODULE_DEVICE_TABLE(of, shadow_match);

static struct platform_driver shadow_driver = {
	.probe = shadow_probe,
	.remove = shadow_remove,
	.driver = {
		.name = "offload-shadow-heap",
		.of_match_table = shadow_match,
		/* Buffers outlive an unbind only if there is none: they use the pool. */
		.suppress_bind_attrs = true,
	},
};
module_platform_driver(shadow_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("DMA-BUF heap that shows missing cache maintenance");
MODULE_IMPORT_NS(DMA_BUF);
