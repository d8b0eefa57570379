// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU that Linux never heard of (its node is gone from the device tree) as
 * a remote processor, started and stopped through PSCI.
 *
 * PSCI knows no "turn that CPU off": a CPU turns itself off. So a firmware
 * that hangs can only be stopped where something else of ours still runs on
 * that core. With EL2 (QEMU -M virt,virtualization=on) it is el2_stub.S; a
 * group 0 SGI reaches it whatever the firmware has masked at EL1. Without
 * EL2, stop ends with ETIMEDOUT, as on real boards that lack a reset line.
 */
#include <linux/arm-smccc.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>
#include <uapi/linux/psci.h>

#include <asm/cputype.h>
#include <asm/sysreg.h>

#include "board_rproc.h"

/* Until the CPU itself has run CPU_OFF; generous, for an emulator on a busy host. */
#define PSCI_RESET_TIMEOUT_US	2000000
#define PSCI_ALIVE_TIMEOUT_US	10000000

/*
 * The conduit comes from the device tree: QEMU 7.2 announces no SMCCC
 * version, so arm_smccc_1_1_get_conduit() says NONE.
 */
static long psci_call(struct board_core *core, u32 fn, u64 a0, u64 a1, u64 a2)
{
	struct arm_smccc_res res;

	if (core->smc)
		arm_smccc_smc(fn, a0, a1, a2, 0, 0, 0, 0, &res);
	else
		arm_smccc_hvc(fn, a0, a1, a2, 0, 0, 0, 0, &res);
	return (long)res.a0;
}

static bool psci_is_off(struct board_core *core)
{
	return psci_call(core, PSCI_0_2_FN64_AFFINITY_INFO, core->mpidr, 0, 0) ==
	       PSCI_0_2_AFFINITY_LEVEL_OFF;
}

static u64 psci_sgi(struct board_core *core, unsigned int sgi)
{
	return (u64)MPIDR_AFFINITY_LEVEL(core->mpidr, 3) << 48 |
	       (u64)MPIDR_AFFINITY_LEVEL(core->mpidr, 2) << 32 |
	       (u64)sgi << 24 |
	       (u64)MPIDR_AFFINITY_LEVEL(core->mpidr, 1) << 16 |
	       BIT_ULL(MPIDR_AFFINITY_LEVEL(core->mpidr, 0) & 0xf);
}

static void psci_signal(struct board_core *core, unsigned int sgi)
{
	wmb(); /* what the core shall find has been written */
	write_sysreg_s(psci_sgi(core, sgi), SYS_ICC_SGI1R_EL1);
	isb();
}

static void psci_kick(struct rproc *rproc, int vqid)
{
	struct board_core *core = rproc->priv;

	board_count_kick(core);
	psci_signal(core, DSP_SGI_KICK);
}

static int psci_reset(struct board_core *core)
{
	bool off;

	if (!core->reset)
		return -ETIMEDOUT;
	wmb(); /* as in psci_signal */
	write_sysreg_s(psci_sgi(core, DSP_SGI_RESET), SYS_ICC_SGI0R_EL1);
	isb();
	return read_poll_timeout(psci_is_off, off, off, 50, PSCI_RESET_TIMEOUT_US, false, core);
}

static int psci_stop(struct rproc *rproc)
{
	struct board_core *core = rproc->priv;
	bool off;

	board_set_ctrl(core, CTRL_STOP, CTRL_STOP_REQUEST);
	psci_signal(core, DSP_SGI_STOP);

	/* A core that reported a crash is not worth waiting for where it can be reset. */
	if (!(core->reset && board_ctrl(core, CTRL_CRASH)) &&
	    !read_poll_timeout(psci_is_off, off, off, 50, core->stop_timeout_ms * 1000,
			       false, core))
		return 0;
	if (!psci_reset(core))
		return 0;
	dev_err(core->dev, "core does not stop, and there is no reset line\n");
	return -ETIMEDOUT;
}

static int psci_start(struct rproc *rproc)
{
	struct board_core *core = rproc->priv;
	u64 entry = rproc->bootaddr;
	u64 context = 0;
	u32 alive;
	long ret;

	board_clear_ctrl(core);
	board_set_ctrl(core, CTRL_CONDUIT, core->smc ? CTRL_CONDUIT_SMC : CTRL_CONDUIT_HVC);
	if (core->reset) {
		memcpy_toio(core->ctrl + CTRL_EL2_STUB, board_el2_stub,
			    board_el2_stub_end - board_el2_stub);
		context = entry;	/* the stub finds it in x0 */
		entry = core->ctrl_phys + CTRL_EL2_STUB;
	}
	wmb(); /* stub and control words before the core starts */

	ret = psci_call(core, PSCI_0_2_FN64_CPU_ON, core->mpidr, entry, context);
	if (ret) {
		dev_err(core->dev, "CPU_ON %#llx: PSCI error %ld\n", core->mpidr, ret);
		return ret == PSCI_RET_ALREADY_ON ? -EBUSY : -EIO;
	}

	if (read_poll_timeout(board_ctrl, alive, alive == CTRL_ALIVE_MAGIC, 20,
			      PSCI_ALIVE_TIMEOUT_US, false, core, CTRL_ALIVE)) {
		dev_err(core->dev, "no sign of life from %#llx\n", rproc->bootaddr);
		psci_stop(rproc);
		return -ETIMEDOUT;
	}
	return 0;
}

static const struct rproc_ops psci_rproc_ops = {
	.prepare = board_prepare,
	.start = psci_start,
	.stop = psci_stop,
	.kick = psci_kick,
	.load = rproc_elf_load_segments,
	.parse_fw = board_parse_fw,
	.find_loaded_rsc_table = rproc_elf_find_loaded_rsc_table,
	.sanity_check = rproc_elf_sanity_check,
	.get_boot_addr = rproc_elf_get_boot_addr,
};

static irqreturn_t psci_crash_irq(int irq, void *data)
{
	struct board_core *core = data;

	/* An interrupt without a reason in the control page is a crash all the same. */
	if (!board_report_crash(core))
		rproc_report_crash(core->rproc, RPROC_FATAL_ERROR);
	return IRQ_HANDLED;
}

static int psci_conduit(struct board_core *core)
{
	struct device_node *psci = of_find_node_by_path("/psci");
	const char *method = NULL;

	of_property_read_string(psci, "method", &method);
	of_node_put(psci);
	if (!method)
		return dev_err_probe(core->dev, -ENODEV, "no PSCI in the device tree\n");
	core->smc = !strcmp(method, "smc");
	return 0;
}

static int psci_request_irqs(struct platform_device *pdev, struct board_core *core)
{
	int irq, ret;

	irq = platform_get_irq_byname(pdev, "vq");
	if (irq < 0)
		return irq;
	ret = devm_request_threaded_irq(core->dev, irq, NULL, board_vq_thread, IRQF_ONESHOT,
					dev_name(core->dev), core);
	if (ret)
		return ret;

	irq = platform_get_irq_byname(pdev, "crash");
	if (irq < 0)
		return irq;
	return devm_request_irq(core->dev, irq, psci_crash_irq, 0, dev_name(core->dev), core);
}

static int psci_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct board_core *core;
	int ret;

	/*
	 * All of memory is in reach. With the platform bus' 32-bit default a
	 * buffer above 4 GiB would not map, or worse: a small one would be
	 * bounced, and the core be given the address of the bounce copy.
	 */
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	core = board_core_alloc(pdev, &psci_rproc_ops);
	if (IS_ERR(core))
		return PTR_ERR(core);
	if (of_property_read_u64(dev->of_node, "offload,mpidr", &core->mpidr))
		return dev_err_probe(dev, -EINVAL, "offload,mpidr is missing\n");
	core->reset = of_property_read_bool(dev->of_node, "offload,el2-reset");
	ret = psci_conduit(core);
	if (ret)
		return ret;
	if (board_el2_stub_end - board_el2_stub > SZ_4K)
		return -E2BIG;

	ret = psci_request_irqs(pdev, core);
	if (ret)
		return dev_err_probe(dev, ret, "requesting interrupts\n");

	rproc_coredump_set_elf_info(core->rproc, ELFCLASS64, EM_AARCH64);
	return devm_rproc_add(dev, core->rproc);
}

static const struct of_device_id psci_match[] = {
	{ .compatible = "offload,psci-rproc" },
	{}
};
MODULE_DEVICE_TABLE(of, psci_match);

struct platform_driver board_psci_driver = {
	.probe = psci_probe,
	.driver = {
		.name = "offload-psci-rproc",
		.of_match_table = psci_match,
	},
};
