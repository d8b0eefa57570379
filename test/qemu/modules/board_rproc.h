/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two remoteproc drivers of the emulated boards have in common: the
 * reserved memory of a core, its control page, and the virtqueue interrupt.
 */
#ifndef BOARD_RPROC_H
#define BOARD_RPROC_H

#include <linux/io.h>
#include <linux/platform_device.h>
#include <linux/remoteproc.h>

#include "board.h"
#include "remoteproc_internal.h"

/* One core. Is rproc->priv. */
struct board_core {
	struct rproc *rproc;
	struct device *dev;
	void __iomem *ctrl;		/* CORE_CTRL, see CTRL_* in board.h */
	phys_addr_t ctrl_phys;
	u32 stop_timeout_ms;		/* how long firmware may take over CTRL_STOP */

	/* psci.c */
	u64 mpidr;
	bool smc;			/* PSCI by SMC (firmware at EL3 or QEMU) or HVC */
	bool reset;			/* the core keeps our stub at EL2 */

	/* crl.c */
	void __iomem *crl;
	void __iomem *uart;
};

struct board_core *board_core_alloc(struct platform_device *pdev, const struct rproc_ops *ops);
int board_prepare(struct rproc *rproc);
int board_parse_fw(struct rproc *rproc, const struct firmware *fw);
void board_count_kick(struct board_core *core);
void board_clear_ctrl(struct board_core *core);
irqreturn_t board_vq_thread(int irq, void *data);
bool board_report_crash(struct board_core *core);

static inline u32 board_ctrl(struct board_core *core, unsigned int word)
{
	return readl(core->ctrl + word);
}

static inline void board_set_ctrl(struct board_core *core, unsigned int word, u32 value)
{
	writel(value, core->ctrl + word);
}

extern struct platform_driver board_psci_driver;
extern struct platform_driver board_crl_driver;

/* el2_stub.S */
extern const char board_el2_stub[];
extern const char board_el2_stub_end[];

#endif
