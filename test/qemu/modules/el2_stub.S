/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dsp board's reset line: 4 KiB of code that stays at EL2 of a remote
 * core while its firmware runs at EL1.
 *
 * The driver copies it to CTRL_EL2_STUB and gives that address to PSCI
 * CPU_ON, with the firmware's entry point in x0. SGI 15 is made a group 0
 * interrupt; HCR_EL2.FMO takes it, an FIQ, to EL2 whatever EL1 masks. There
 * the core turns itself off.
 *
 * Position independent: nothing but local labels, because a relocation
 * against a global symbol would not be applied to the copy.
 */
#include <linux/linkage.h>
#include <uapi/linux/psci.h>

#include "board.h"

#define ICC_SRE_EL2_	S3_4_C12_C9_5
#define ICC_PMR_	S3_0_C4_C6_0
#define ICC_IGRPEN0_	S3_0_C12_C12_6
#define ICC_IAR0_	S3_0_C12_C8_0

#define GICR_WAKER	0x0014
#define GICR_SGI	0x10000		/* the SGI frame of a redistributor */
#define GICR_IGROUPR0	(GICR_SGI + 0x080)
#define GICR_ISENABLER0	(GICR_SGI + 0x100)
#define GICR_ICPENDR0	(GICR_SGI + 0x280)
#define GICR_ICACTIVER0	(GICR_SGI + 0x380)
#define GICR_IPRIORITYR	(GICR_SGI + 0x400)
#define GICR_IGRPMODR0	(GICR_SGI + 0xd00)

#define RESET_BIT	(1 << DSP_SGI_RESET)

	.section .rodata, "a"
	.balign 4096
	.globl board_el2_stub
board_el2_stub:
	mov	x19, x0				/* firmware entry */

	adr	x1, .Lvectors
	msr	vbar_el2, x1
	mov	x1, #0xf			/* system registers, also for EL1 */
	msr	ICC_SRE_EL2_, x1
	isb

	/* This CPU's redistributor: DSP_GICR + affinity 0 * stride. */
	mrs	x2, mpidr_el1
	and	x2, x2, #0xff
	ldr	x3, =DSP_GICR_STRIDE
	ldr	x4, =DSP_GICR
	madd	x2, x2, x3, x4

	ldr	w1, [x2, #GICR_WAKER]
	bic	w1, w1, #2			/* ProcessorSleep */
	str	w1, [x2, #GICR_WAKER]
1:	ldr	w1, [x2, #GICR_WAKER]
	tbnz	w1, #2, 1b			/* ChildrenAsleep */

	mov	w1, #RESET_BIT
	mov	x4, #GICR_SGI
	add	x4, x2, x4
	str	w1, [x4, #(GICR_ICPENDR0 - GICR_SGI)]
	/* CPU_OFF from the handler left it active: it would never come again. */
	str	w1, [x4, #(GICR_ICACTIVER0 - GICR_SGI)]
	ldr	w3, [x4, #(GICR_IGROUPR0 - GICR_SGI)]
	bic	w3, w3, #RESET_BIT
	str	w3, [x4, #(GICR_IGROUPR0 - GICR_SGI)]
	/*
	 * The CPU interface signals only the one pending interrupt of highest
	 * priority, and of equals the lowest number: a kick that waits for a
	 * hung firmware would keep the reset out. So everything else is lower.
	 */
	ldr	w3, =0xa0a0a0a0
	add	x5, x4, #(GICR_IPRIORITYR - GICR_SGI)
	mov	x6, #8				/* INTID 0 to 31, four each */
2:	str	w3, [x5], #4
	subs	x6, x6, #1
	b.ne	2b
	strb	wzr, [x4, #(GICR_IPRIORITYR - GICR_SGI + DSP_SGI_RESET)]
	str	w1, [x4, #(GICR_ISENABLER0 - GICR_SGI)]
	dsb	sy

	mov	x1, #0xff
	msr	ICC_PMR_, x1
	mov	x1, #1
	msr	ICC_IGRPEN0_, x1
	isb

	ldr	x1, =((1 << 31) | (1 << 3))	/* HCR_EL2: RW (EL1 is AArch64), FMO */
	msr	hcr_el2, x1
	mov	x1, #0x33ff			/* CPTR_EL2: no traps of FP/SIMD */
	msr	cptr_el2, x1
	msr	cntvoff_el2, xzr
	mov	x1, #3				/* CNTHCTL_EL2: EL1 may read the counter and its timer */
	msr	cnthctl_el2, x1
	mrs	x1, midr_el1
	msr	vpidr_el2, x1
	mrs	x1, mpidr_el1
	msr	vmpidr_el2, x1
	ldr	x1, =0x30d00800			/* SCTLR_EL1: RES1 bits, MMU and caches off */
	msr	sctlr_el1, x1
	mov	x1, #0x3c5			/* SPSR: EL1h, DAIF masked */
	msr	spsr_el2, x1
	msr	elr_el2, x19
	mov	x0, xzr
	isb
	eret

.Loff:
	mrs	x0, ICC_IAR0_
	ldr	x0, =PSCI_0_2_FN_CPU_OFF
	smc	#0
3:	wfi
	b	3b

	.ltorg

	/* Every exception that reaches EL2 ends the core. */
	.balign	2048
.Lvectors:
	.rept	16
	b	.Loff
	.balign	128
	.endr

	.globl board_el2_stub_end
board_el2_stub_end:
