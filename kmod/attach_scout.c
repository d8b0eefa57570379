// SPDX-License-Identifier: GPL-2.0
/*
 * A device that reaches all memory and needs no cache maintenance, so that
 * attaching a buffer to it says where the buffer is and does nothing else.
 */
#include <linux/dma-mapping.h>
#include <linux/platform_device.h>

#include "attach.h"

static struct platform_device *scout;

struct device *attach_scout_device(void)
{
	return &scout->dev;
}

int attach_scout_init(void)
{
	int err;

	scout = platform_device_register_simple("offload-scout", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(scout))
		return PTR_ERR(scout);

	err = dma_coerce_mask_and_coherent(&scout->dev, DMA_BIT_MASK(64));
	if (err) {
		platform_device_unregister(scout);
		return err;
	}
	attach_device_init(&scout->dev);
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	scout->dev.dma_coherent = true;
#endif
	return 0;
}

void attach_scout_exit(void)
{
	platform_device_unregister(scout);
}
