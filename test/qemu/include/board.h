/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The emulated boards in numbers. Read by the device tree overlays (through
 * cpp), the board's kernel modules and the firmware, so that they cannot
 * disagree. Only #define lines: dtc understands no C.
 */
#ifndef OFFLOAD_BOARD_H
#define OFFLOAD_BOARD_H

/*
 * A core's block of reserved memory, offsets from its base. All of it is
 * no-map in Linux. Device address = bus address in here, on both boards.
 */
#define CORE_FW			0x000000	/* code, data, resource table, trace */
#define CORE_FW_SIZE		0x100000
#define CORE_VRING0		0x100000	/* remote -> Linux */
#define CORE_VRING1		0x108000	/* Linux -> remote */
#define CORE_VRING_SIZE		0x008000
#define CORE_VBUF		0x200000	/* rpmsg buffers */
#define CORE_VBUF_SIZE		0x100000
#define CORE_CTRL		0x300000	/* the control page, see CTRL_* */
#define CORE_CTRL_SIZE		0x010000

/* Control page: 32-bit little-endian words, offsets from CORE_CTRL. */
#define CTRL_ALIVE		0x00	/* firmware: CTRL_ALIVE_MAGIC, first thing; driver: 0 before start */
#define CTRL_STOP		0x04	/* driver: CTRL_STOP_REQUEST; firmware: CTRL_STOP_DONE, last thing */
#define CTRL_CRASH		0x08	/* firmware: CTRL_CRASH_*, before the crash interrupt */
#define CTRL_CONDUIT		0x0c	/* driver: how PSCI is called, CTRL_CONDUIT_* (dsp) */
#define CTRL_KICKS		0x10	/* driver: one more per kick; a core that polls may watch it */
#define CTRL_BOOTS		0x14	/* driver: one more per start */
#define CTRL_EL2_STUB		0x1000	/* dsp: 4 KiB of code that keeps EL2 as the reset line */

#define CTRL_ALIVE_MAGIC	0x0ff10ad1
#define CTRL_STOP_REQUEST	1
#define CTRL_STOP_DONE		2
#define CTRL_CRASH_MMUFAULT	1	/* enum rproc_crash_type + 1 */
#define CTRL_CRASH_WATCHDOG	2
#define CTRL_CRASH_FATAL	3
#define CTRL_CONDUIT_HVC	0
#define CTRL_CONDUIT_SMC	1

/*
 * Board "dsp": QEMU virt. CPU0 runs Linux, CPU1 is processor dsp0, CPU2 is
 * dsp1, each a Cortex-A72 that starts in EL1 with its MMU off.
 */
#define DSP0_BASE		0x60000000
#define DSP1_BASE		0x60400000

#define DSP_GICD		0x08000000
#define DSP_GICR		0x080a0000	/* of CPU n: + n * DSP_GICR_STRIDE */
#define DSP_GICR_STRIDE		0x20000		/* SGI frame at + 0x10000 */

#define DSP_SGI_KICK		8	/* Linux -> core: look at the vrings */
#define DSP_SGI_STOP		9	/* Linux -> core: CTRL_STOP says so too */
#define DSP_SGI_RESET		15	/* Linux -> EL2 stub, group 0: not the firmware's business */

/* Shared peripheral interrupts, edge; INTID = SPI + 32. Core -> Linux. */
#define DSP0_SPI_VQ		200
#define DSP0_SPI_CRASH		201
#define DSP1_SPI_VQ		202
#define DSP1_SPI_CRASH		203

#define DSP_MSMC		0x61000000
#define DSP_MSMC_SIZE		0x00800000
#define DSP_SHADOW		0x62000000
#define DSP_SHADOW_SIZE		0x01000000
#define DSP_CMA			0x100000000
#define DSP_CMA_SIZE		0x10000000
#define DSP_DDR			0x140000000	/* exists with 7 GiB only */
#define DSP_DDR_SIZE		0xc0000000

/*
 * Windows: how a core's device addresses map to bus addresses. The MMU is
 * off, so the firmware does the subtraction by this table, as an address
 * translator in front of the core would. Nothing in a message is an address
 * unless it lies in one of these.
 *
 * WINDOW(name, bus address, size, device address)
 *
 * The two cores differ on purpose: an address made for one core must not
 * work on the other. Ranges do not overlap on either side.
 */
#define DSP0_WINDOWS(WINDOW) \
	WINDOW("linux,cma", 0x100000000, 0x10000000, 0xc0000000) \
	WINDOW("msmc", 0x61000000, 0x00800000, 0x0c000000) \
	WINDOW("shadow", 0x62000000, 0x01000000, 0x0d000000) \
	WINDOW("ddr", 0x140000000, 0xc0000000, 0x1000000000) \
	WINDOW("ram low", 0x40000000, 0x20000000, 0x2040000000) \
	WINDOW("ram mid", 0x64000000, 0x9c000000, 0x2064000000) \
	WINDOW("ram high", 0x110000000, 0x30000000, 0x2110000000)

#define DSP1_WINDOWS(WINDOW) \
	WINDOW("linux,cma", 0x100000000, 0x10000000, 0x80000000) \
	WINDOW("msmc", 0x61000000, 0x00800000, 0x1c000000) \
	WINDOW("shadow", 0x62000000, 0x01000000, 0x1d000000) \
	WINDOW("ddr", 0x140000000, 0xc0000000, 0x3000000000) \
	WINDOW("ram low", 0x40000000, 0x20000000, 0x4040000000) \
	WINDOW("ram mid", 0x64000000, 0x9c000000, 0x4064000000) \
	WINDOW("ram high", 0x110000000, 0x30000000, 0x4110000000)

/* Reads of this bus address abort on the dsp board: nothing is there. */
#define DSP_UNMAPPED		0xff000000000

/*
 * Board "r5f": QEMU xlnx-versal-virt. The first Cortex-A72 runs Linux, the
 * first Cortex-R5F is the processor: 32 bit, ARM state, starts at 0. It has
 * no interrupt controller in this model: it polls, WFI never wakes.
 */
#define R5F_FW			0x00000000	/* instead of R5F_BASE + CORE_FW */
#define R5F_BASE		0x20000000	/* CORE_VRING0 and the others */

#define R5F_DOORBELL		0xff010000	/* UART1 data register: a byte written interrupts Linux */
#define R5F_SPI_DOORBELL	19		/* level; vrings and CTRL_CRASH both */
#define R5F_CRL			0xff5e0000
#define R5F_CRL_RST		0x300		/* RST_CPU_R5: bit 0 holds core 0, reset value 0x17 */

#define R5F_MSMC		0x21000000
#define R5F_MSMC_SIZE		0x00800000
#define R5F_SHADOW		0x22000000
#define R5F_SHADOW_SIZE		0x01000000
#define R5F_CMA			0x40000000
#define R5F_CMA_SIZE		0x10000000
#define R5F_HIGH		0x800000000	/* a carveout the R5F cannot reach */
#define R5F_HIGH_SIZE		0x01000000

#define R5F_WINDOWS(WINDOW) \
	WINDOW("linux,cma", 0x40000000, 0x10000000, 0xa0000000) \
	WINDOW("msmc", 0x21000000, 0x00800000, 0x3c000000) \
	WINDOW("shadow", 0x22000000, 0x01000000, 0x3d000000) \
	WINDOW("ram low", 0x00100000, 0x1ff00000, 0x80100000) \
	WINDOW("ram high", 0x50000000, 0x30000000, 0xd0000000)

#define R5F_UNMAPPED		0x90000000

#endif
