// SPDX-License-Identifier: Apache-2.0
//
// A Cortex-R5F out of reset: ARM state, Supervisor mode, at 0, where its exception vectors are. It goes on in System mode
// with everything masked, where it stays.

	.syntax	unified
	.arm
	.section .start, "ax"
	.globl	start
start:
	b	reset
	b	undefined
	b	supervisor
	b	prefetch
	b	data
	b	.
	b	irq
	b	fiq

reset:
	ldr	r0, =fault_stack_top
	cps	#0x17			// Abort
	mov	sp, r0
	cps	#0x1b			// Undefined
	mov	sp, r0
	cps	#0x13			// Supervisor
	mov	sp, r0
	cps	#0x12			// IRQ
	mov	sp, r0
	cps	#0x11			// FIQ
	mov	sp, r0
	cps	#0x1f			// System
	cpsid	aif
	ldr	sp, =stack_top
	ldr	r0, =bss_begin
	ldr	r1, =bss_end
	mov	r2, #0
	mov	r3, #0
1:	cmp	r0, r1
	strdlo	r2, r3, [r0], #8
	blo	1b
	bl	main
	b	.

// Every exception is the end. lr points behind the instruction, by as much as each kind has it.
	.macro	vector name, kind, behind
\name:	sub	lr, lr, #\behind
	push	{lr}
	sub	sp, sp, #60
	stmia	sp, {r0-r14}^		// of System mode, which was interrupted
	mov	r0, sp
	mov	r1, #\kind
	mrs	r2, spsr
	b	fault
	.endm

	vector	undefined, 1, 4
	vector	supervisor, 2, 4
	vector	prefetch, 3, 4
	vector	data, 4, 8
	vector	irq, 6, 4
	vector	fiq, 7, 4

fault:
	bl	exception
	b	.

	.ltorg

	.section .bss
	.balign	16
	.space	4096
fault_stack_top:
