// SPDX-License-Identifier: GPL-2.0
/*
 * Device tree:
 *
 *	reserved-memory {
 *		dsp_ddr: dsp-ddr@a0000000 {
 *			reg = <0 0xa0000000 0 0x10000000>;
 *		};
 *	};
 *
 *	heap-ddr {
 *		compatible = "offload,carveout-heap";
 *		memory-region = <&dsp_ddr>;
 *		label = "ddr";
 *	};
 *
 * makes /dev/dma_heap/ddr. Without a label the heap has the name of its node
 * (here heap-ddr). With no-map in the reserved-memory node the CPU maps buffers
 * write-combined, otherwise with its caches.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "carveout_heap.h"
#include "compat.h"

static void carveout_heap_destroy(struct carveout_heap *heap)
{
	kfree(heap->label);
	kfree(heap->path);
	kfree(heap->name);
	kfree(heap);
}

static void carveout_heap_free(struct kref *ref)
{
	struct carveout_heap *heap = container_of(ref, struct carveout_heap, ref);

	carveout_region_fini(&heap->region);
	carveout_heap_destroy(heap);
}

struct carveout_heap *carveout_heap_get(struct carveout_heap *heap)
{
	kref_get(&heap->ref);
	return heap;
}

void carveout_heap_put(struct carveout_heap *heap)
{
	kref_put(&heap->ref, carveout_heap_free);
}

static struct carveout_heap *carveout_heap_create(const char *name)
{
	struct carveout_heap *heap;

	heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return NULL;
	kref_init(&heap->ref);
	heap->name = kstrdup(name, GFP_KERNEL);
	heap->path = kasprintf(GFP_KERNEL, "dma_heap/%s", name);
	heap->label = kasprintf(GFP_KERNEL, "dma_heap-%s", name);
	if (heap->name && heap->path && heap->label)
		return heap;
	carveout_heap_destroy(heap);
	return NULL;
}

static int carveout_heap_name(struct device *dev, char *name, size_t size)
{
	const char *label;

	if (of_property_read_string(dev->of_node, "label", &label))
		snprintf(name, size, "%pOFn", dev->of_node);
	else if (strscpy(name, label, size) < 0)
		return dev_err_probe(dev, -EINVAL, "label is longer than %zu bytes\n", size - 1);

	if (!*name || strchr(name, '/') || name[0] == '.')
		return dev_err_probe(dev, -EINVAL, "'%s' cannot be the name of a heap\n", name);
	return 0;
}

static int carveout_heap_region(struct device *dev, struct carveout_region *region)
{
	struct reserved_mem *rmem;
	struct device_node *np;
	bool cached, reusable;
	int err;

	np = of_parse_phandle(dev->of_node, "memory-region", 0);
	if (!np)
		return dev_err_probe(dev, -EINVAL, "no memory-region\n");
	rmem = of_reserved_mem_lookup(np);
	cached = !of_property_read_bool(np, "no-map");
	reusable = of_property_read_bool(np, "reusable");
	of_node_put(np);

	if (!rmem || !rmem->size)
		return dev_err_probe(dev, -EINVAL, "memory-region is not reserved\n");
	/* The kernel uses it for other things in the meantime: that is what the CMA heap is for. */
	if (reusable)
		return dev_err_probe(dev, -EINVAL, "memory-region is reusable\n");

	err = carveout_region_init(region, rmem->base, rmem->size, cached);
	if (err)
		dev_err_probe(dev, err, "%pa bytes at %pa: %s\n", &rmem->size, &rmem->base,
			      err == -EBUSY ? "another heap has some of it" :
			      err == -EINVAL && cached ? "not memory of the kernel, needs no-map" :
			      "cannot be managed");
	return err;
}

static int carveout_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct carveout_heap *heap;
	char name[64];
	int err;

	err = carveout_heap_name(dev, name, sizeof(name));
	if (err)
		return err;
	heap = carveout_heap_create(name);
	if (!heap)
		return -ENOMEM;
	err = carveout_heap_region(dev, &heap->region);
	if (err)
		goto free;

	err = carveout_node_add(heap);
	if (err) {
		dev_err_probe(dev, err, "/dev/dma_heap/%s\n", name);
		goto fini;
	}
	platform_set_drvdata(pdev, heap);
	dev_info(dev, "/dev/dma_heap/%s: %llu KiB at %pa, %s\n", name,
		 (u64)heap->region.size >> 10, &heap->region.base,
		 heap->region.cached ? "cached" : "write-combined");
	return 0;

fini:
	carveout_region_fini(&heap->region);
free:
	carveout_heap_destroy(heap);
	return err;
}

/* Buffers and open files may be left: the heap goes with the last of them. */
static void carveout_remove(struct platform_device *pdev)
{
	struct carveout_heap *heap = platform_get_drvdata(pdev);

	carveout_node_remove(heap);
	carveout_heap_put(heap);
}

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", heap->name);
}
static DEVICE_ATTR_RO(name);

static ssize_t size_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", (u64)heap->region.size);
}
static DEVICE_ATTR_RO(size);

static ssize_t free_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);
	u64 free, largest;

	carveout_region_usage(&heap->region, &free, &largest);
	return sysfs_emit(buf, "%llu\n", free);
}
static DEVICE_ATTR_RO(free);

static ssize_t largest_free_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);
	u64 free, largest;

	carveout_region_usage(&heap->region, &free, &largest);
	return sysfs_emit(buf, "%llu\n", largest);
}
static DEVICE_ATTR_RO(largest_free);

static ssize_t buffers_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&heap->buffers));
}
static DEVICE_ATTR_RO(buffers);

static ssize_t cached_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct carveout_heap *heap = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", heap->region.cached);
}
static DEVICE_ATTR_RO(cached);

static struct attribute *carveout_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_size.attr,
	&dev_attr_free.attr,
	&dev_attr_largest_free.attr,
	&dev_attr_buffers.attr,
	&dev_attr_cached.attr,
	NULL
};

static const struct attribute_group carveout_group = {
	.name = "heap",
	.attrs = carveout_attrs,
};

static const struct attribute_group *carveout_groups[] = {
	&carveout_group,
	NULL
};

static const struct of_device_id carveout_of_match[] = {
	{ .compatible = "offload,carveout-heap" },
	{ }
};
MODULE_DEVICE_TABLE(of, carveout_of_match);

static struct platform_driver carveout_driver = {
	.probe = carveout_probe,
	.platform_remove = carveout_remove,
	.driver = {
		.name = "carveout_heap",
		.of_match_table = carveout_of_match,
		.dev_groups = carveout_groups,
	},
};
module_platform_driver(carveout_driver);

MODULE_DESCRIPTION("Reserved memory as a DMA-BUF heap");
MODULE_LICENSE("GPL");
OFFLOAD_IMPORT_NS(DMA_BUF);
