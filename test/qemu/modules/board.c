// SPDX-License-Identifier: GPL-2.0
/*
 * Remote processors of the emulated boards, common part.
 *
 * The structure is that of drivers/remoteproc/stm32_rproc.c: regions from
 * memory-region become carveouts by node name, and virtqueues are looked at
 * under rproc->lock.
 */
#include <linux/module.h>
#include <linux/of_address.h>
#include <linux/of_reserved_mem.h>

#include "board_rproc.h"

static int board_mem_map(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	void __iomem *va = ioremap_wc(mem->dma, mem->len);

	if (!va)
		return dev_err_probe(rproc->dev.parent, -ENOMEM, "mapping %pad+%#zx\n",
				     &mem->dma, mem->len);
	mem->va = (__force void *)va;
	mem->is_iomem = true;
	return 0;
}

static int board_mem_unmap(struct rproc *rproc, struct rproc_mem_entry *mem)
{
	iounmap((__force void __iomem *)mem->va);
	return 0;
}

/* Registers every memory-region of the core. Device address is bus address here. */
int board_prepare(struct rproc *rproc)
{
	struct device *dev = rproc->dev.parent;
	struct of_phandle_iterator it;
	struct rproc_mem_entry *mem;
	struct reserved_mem *rmem;
	int index = 0;

	of_phandle_iterator_init(&it, dev->of_node, "memory-region", NULL, 0);
	while (of_phandle_iterator_next(&it) == 0) {
		rmem = of_reserved_mem_lookup(it.node);
		if (!rmem) {
			dev_err(dev, "no reserved memory behind %pOF\n", it.node);
			of_node_put(it.node);
			return -EINVAL;
		}

		if (of_node_name_eq(it.node, "vdev0buffer")) {
			/* The core turns it into the vdev's DMA pool by index. */
			mem = rproc_of_resm_mem_entry_init(dev, index, rmem->size,
							   rmem->base, it.node->name);
		} else {
			mem = rproc_mem_entry_init(dev, NULL, rmem->base, rmem->size,
						   rmem->base, board_mem_map,
						   board_mem_unmap, it.node->name);
			if (mem)
				rproc_coredump_add_segment(rproc, rmem->base, rmem->size);
		}
		if (!mem) {
			of_node_put(it.node);
			return -ENOMEM;
		}
		rproc_add_carveout(rproc, mem);
		index++;
	}
	return 0;
}

/* Firmware without a resource table may run; it has no rpmsg then. */
int board_parse_fw(struct rproc *rproc, const struct firmware *fw)
{
	int ret = rproc_elf_load_rsc_table(rproc, fw);

	return ret == -EINVAL ? 0 : ret;
}

void board_count_kick(struct board_core *core)
{
	board_set_ctrl(core, CTRL_KICKS, board_ctrl(core, CTRL_KICKS) + 1);
}

/* Before a start: nothing the last run left may be read as this run's. */
void board_clear_ctrl(struct board_core *core)
{
	board_set_ctrl(core, CTRL_ALIVE, 0);
	board_set_ctrl(core, CTRL_STOP, 0);
	board_set_ctrl(core, CTRL_CRASH, 0);
	board_set_ctrl(core, CTRL_KICKS, 0);
	board_set_ctrl(core, CTRL_BOOTS, board_ctrl(core, CTRL_BOOTS) + 1);
}

/*
 * Both vrings share one interrupt. rproc->lock keeps them from going away
 * underneath: stop and recovery hold it while they remove the vdev.
 */
irqreturn_t board_vq_thread(int irq, void *data)
{
	struct board_core *core = data;
	struct rproc *rproc = core->rproc;

	mutex_lock(&rproc->lock);
	if (rproc->state == RPROC_RUNNING || rproc->state == RPROC_ATTACHED) {
		rproc_vq_interrupt(rproc, 0);
		rproc_vq_interrupt(rproc, 1);
	}
	mutex_unlock(&rproc->lock);
	return IRQ_HANDLED;
}

/* Hands on a crash the firmware left in its control page. Safe in hard interrupt context. */
bool board_report_crash(struct board_core *core)
{
	u32 crash = board_ctrl(core, CTRL_CRASH);

	if (crash < CTRL_CRASH_MMUFAULT || crash > CTRL_CRASH_FATAL)
		return false;
	rproc_report_crash(core->rproc, crash - CTRL_CRASH_MMUFAULT);
	return true;
}

struct board_core *board_core_alloc(struct platform_device *pdev, const struct rproc_ops *ops)
{
	struct device *dev = &pdev->dev;
	struct device_node *ctrl_node;
	const char *firmware = NULL;
	struct reserved_mem *rmem;
	struct board_core *core;
	struct rproc *rproc;
	int ret;

	of_property_read_string(dev->of_node, "firmware-name", &firmware);
	rproc = devm_rproc_alloc(dev, dev->of_node->name, ops, firmware, sizeof(*core));
	if (!rproc)
		return ERR_PTR(-ENOMEM);
	rproc->auto_boot = false;

	core = rproc->priv;
	core->rproc = rproc;
	core->dev = dev;
	platform_set_drvdata(pdev, core);

	ctrl_node = of_parse_phandle(dev->of_node, "offload,ctrl", 0);
	rmem = ctrl_node ? of_reserved_mem_lookup(ctrl_node) : NULL;
	of_node_put(ctrl_node);
	if (!rmem) {
		ret = dev_err_probe(dev, -EINVAL, "offload,ctrl names no reserved memory\n");
		return ERR_PTR(ret);
	}
	core->ctrl_phys = rmem->base;
	core->ctrl = devm_ioremap_wc(dev, rmem->base, rmem->size);
	if (!core->ctrl)
		return ERR_PTR(-ENOMEM);

	core->stop_timeout_ms = 500;
	of_property_read_u32(dev->of_node, "offload,stop-timeout-ms", &core->stop_timeout_ms);
	return core;
}

static struct platform_driver * const board_drivers[] = {
	&board_psci_driver,
	&board_crl_driver,
};

static int __init board_init(void)
{
	return platform_register_drivers(board_drivers, ARRAY_SIZE(board_drivers));
}
module_init(board_init);

static void __exit board_exit(void)
{
	platform_unregister_drivers(board_drivers, ARRAY_SIZE(board_drivers));
}
module_exit(board_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Remote processors of offload's emulated boards");
