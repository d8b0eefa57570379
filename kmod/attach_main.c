// SPDX-License-Identifier: GPL-2.0
/* Addresses of DMA-BUFs for remote processors, on kernels that have no interface for them. */
#include <linux/module.h>

#include "attach.h"
#include "compat.h"

static int __init offload_attach_init(void)
{
	int err;

	err = attach_scout_init();
	if (err)
		return err;
	err = attach_phys_init();
	if (err)
		goto scout;
	err = attach_rproc_init();
	if (err)
		goto phys;
	return 0;

phys:
	attach_phys_exit();
scout:
	attach_scout_exit();
	return err;
}
module_init(offload_attach_init);

static void __exit offload_attach_exit(void)
{
	attach_rproc_exit();
	attach_phys_exit();
	attach_scout_exit();
}
module_exit(offload_attach_exit);

MODULE_DESCRIPTION("Addresses of DMA-BUFs for remote processors");
MODULE_LICENSE("GPL");
OFFLOAD_IMPORT_NS(DMA_BUF);
