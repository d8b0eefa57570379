// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/dma-buf-phys: the plain bus address of a DMA-BUF, for no processor in
 * particular. The interface is that of drivers/misc/dma-buf-phys.c in TI's
 * kernels up to 6.1.
 *
 * The device that buffers are attached to may be given in the device tree, with
 * TI's compatible. Without one the module makes its own. That counts as not
 * coherent (arm, arm64, riscv: unless the architecture says otherwise for all
 * devices), so that DMA_BUF_IOCTL_SYNC maintains the caches.
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/of.h>
#include <linux/platform_device.h>

#include "attach.h"
#include "compat.h"
#include "uapi/offload_attach.h"

static struct attach_target *phys_target;
static struct platform_device *phys_device;

static int phys_open(struct inode *inode, struct file *file)
{
	/* Never NULL: misc_open() holds off misc_deregister(). */
	return attach_file_open(file, phys_target);
}

static long phys_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DMA_BUF_PHYS_IOC_CONVERT:
		return attach_file_ioctl(file, (void __user *)arg, 1);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations phys_fops = {
	.owner = THIS_MODULE,
	.open = phys_open,
	.release = attach_file_release,
	.unlocked_ioctl = phys_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = attach_file_poll,
	ATTACH_FILE_FDINFO
};

static struct miscdevice phys_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-phys",
	.fops = &phys_fops,
};

static int phys_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	int err;

	if (phys_target)
		return dev_err_probe(dev, -EBUSY, "there is one /dev/dma-buf-phys only\n");

	/* Without a translation in between a bus address has no other limit. */
	err = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (err)
		return err;

	phys_target = attach_target_create(dev, 0);
	if (!phys_target)
		return -ENOMEM;

	phys_misc.parent = dev;
	err = misc_register(&phys_misc);
	if (err) {
		attach_target_put(phys_target);
		phys_target = NULL;
		return dev_err_probe(dev, err, "/dev/dma-buf-phys\n");
	}
	return 0;
}

static void phys_remove(struct platform_device *pdev)
{
	misc_deregister(&phys_misc);
	attach_target_end(phys_target, true);
	attach_target_put(phys_target);
	phys_target = NULL;
}

static const struct of_device_id phys_of_match[] = {
	{ .compatible = "ti,dma-buf-phys" },
	{ .compatible = "ti,dma_buf_phys" },
	{ }
};
MODULE_DEVICE_TABLE(of, phys_of_match);

static struct platform_driver phys_driver = {
	.probe = phys_probe,
	.platform_remove = phys_remove,
	.driver = {
		.name = "dma-buf-phys",
		.of_match_table = phys_of_match,
	},
};

int attach_phys_init(void)
{
	struct device_node *np;
	int err;

	err = platform_driver_register(&phys_driver);
	if (err)
		return err;

	np = of_find_matching_node(NULL, phys_of_match);
	of_node_put(np);
	if (np)
		return 0;

	phys_device = platform_device_register_simple("dma-buf-phys", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(phys_device)) {
		platform_driver_unregister(&phys_driver);
		return PTR_ERR(phys_device);
	}
	return 0;
}

void attach_phys_exit(void)
{
	/* NULL if the device tree has one. */
	platform_device_unregister(phys_device);
	platform_driver_unregister(&phys_driver);
}
