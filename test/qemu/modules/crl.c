// SPDX-License-Identifier: GPL-2.0
/*
 * The Cortex-R5F of QEMU's xlnx-versal-virt as a remote processor, held in
 * and released from reset by RST_CPU_R5 of the clock and reset block (CRL).
 *
 * The in-tree xlnx_r5_remoteproc wants the platform firmware (EEMI calls),
 * which this emulation has not. There is no mailbox either: the R5F rings by
 * sending a byte on UART1, whose transmit interrupt Linux takes; Linux does
 * not ring at all, because the emulated R5F has no interrupt controller and
 * polls.
 */
#include <linux/amba/serial.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>

#include "board_rproc.h"

#define CRL_HOLD		BIT(0)	/* of RST_CPU_R5: core 0 */
#define CRL_ALIVE_TIMEOUT_US	40000
#define CRL_RELEASES		8

static void crl_hold(struct board_core *core, bool hold)
{
	u32 rst = readl(core->crl + R5F_CRL_RST);

	writel(hold ? rst | CRL_HOLD : rst & ~CRL_HOLD, core->crl + R5F_CRL_RST);
}

static void crl_kick(struct rproc *rproc, int vqid)
{
	board_count_kick(rproc->priv);
}

static int crl_start(struct rproc *rproc)
{
	struct board_core *core = rproc->priv;
	unsigned int try;
	u32 alive;

	if (rproc->bootaddr != R5F_FW) {
		dev_err(core->dev, "entry point %#llx: the core starts at %#x\n",
			rproc->bootaddr, R5F_FW);
		return -EINVAL;
	}

	board_clear_ctrl(core);
	/*
	 * QEMU turns a held core off on that core's own thread. A release that
	 * comes first is ignored ("already on"), and the core stays off although
	 * the register says otherwise. So: wait for a sign of life, else pulse.
	 */
	for (try = 0; try < CRL_RELEASES; try++) {
		crl_hold(core, true);
		if (try)
			usleep_range(1000, 2000);
		crl_hold(core, false);
		if (!read_poll_timeout(board_ctrl, alive, alive == CTRL_ALIVE_MAGIC, 20,
				       CRL_ALIVE_TIMEOUT_US, false, core, CTRL_ALIVE))
			return 0;
	}
	crl_hold(core, true);
	dev_err(core->dev, "no sign of life after %u releases\n", try);
	return -ETIMEDOUT;
}

static int crl_stop(struct rproc *rproc)
{
	struct board_core *core = rproc->priv;
	u32 stop;

	board_set_ctrl(core, CTRL_STOP, CTRL_STOP_REQUEST);
	if (!board_ctrl(core, CTRL_CRASH) &&
	    read_poll_timeout(board_ctrl, stop, stop == CTRL_STOP_DONE, 20,
			      core->stop_timeout_ms * 1000, false, core, CTRL_STOP))
		dev_warn(core->dev, "firmware does not stop, resetting the core\n");
	crl_hold(core, true);
	return 0;
}

static const struct rproc_ops crl_rproc_ops = {
	.prepare = board_prepare,
	.start = crl_start,
	.stop = crl_stop,
	.kick = crl_kick,
	.load = rproc_elf_load_segments,
	.parse_fw = board_parse_fw,
	.find_loaded_rsc_table = rproc_elf_find_loaded_rsc_table,
	.sanity_check = rproc_elf_sanity_check,
	.get_boot_addr = rproc_elf_get_boot_addr,
};

static irqreturn_t crl_doorbell(int irq, void *data)
{
	struct board_core *core = data;

	if (!(readl(core->uart + UART011_RIS) & UART011_TXIS))
		return IRQ_NONE;
	/* Acknowledge, then look: a ring in between comes again. */
	writel(UART011_TXIC, core->uart + UART011_ICR);
	if (board_report_crash(core))
		return IRQ_HANDLED;
	return IRQ_WAKE_THREAD;
}

static int crl_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct board_core *core;
	int irq, ret;

	/* A 32-bit core: what lies higher must not be mapped for it. */
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;

	core = board_core_alloc(pdev, &crl_rproc_ops);
	if (IS_ERR(core))
		return PTR_ERR(core);

	core->crl = devm_platform_ioremap_resource_byname(pdev, "crl");
	if (IS_ERR(core->crl))
		return PTR_ERR(core->crl);
	core->uart = devm_platform_ioremap_resource_byname(pdev, "doorbell");
	if (IS_ERR(core->uart))
		return PTR_ERR(core->uart);

	irq = platform_get_irq_byname(pdev, "doorbell");
	if (irq < 0)
		return irq;
	ret = devm_request_threaded_irq(dev, irq, crl_doorbell, board_vq_thread, 0,
					dev_name(dev), core);
	if (ret)
		return dev_err_probe(dev, ret, "requesting the doorbell\n");
	writel(UART011_TXIC, core->uart + UART011_ICR);
	writel(UART011_TXIM, core->uart + UART011_IMSC);

	rproc_coredump_set_elf_info(core->rproc, ELFCLASS32, EM_ARM);
	return devm_rproc_add(dev, core->rproc);
}

static void crl_remove(struct platform_device *pdev)
{
	struct board_core *core = platform_get_drvdata(pdev);

	writel(0, core->uart + UART011_IMSC);
}

static const struct of_device_id crl_match[] = {
	{ .compatible = "offload,crl-rproc" },
	{}
};
MODULE_DEVICE_TABLE(of, crl_match);

struct platform_driver board_crl_driver = {
	.probe = crl_probe,
	.remove = crl_remove,
	.driver = {
		.name = "offload-crl-rproc",
		.of_match_table = crl_match,
	},
};
