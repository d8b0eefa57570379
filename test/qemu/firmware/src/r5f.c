// SPDX-License-Identifier: Apache-2.0
//
// The core of the r5f board: a Cortex-R5F without an interrupt controller. It looks at memory again and again.

#include "core.h"

// Cycles are counted at 1 GHz in steps of 64: 32 bits of them last 274 seconds, and core_now must be asked more often.
enum { PMCR_ENABLE = 1, PMCR_RESET = 4, PMCR_DIVIDE = 8 };

static uint64_t cycles;
static uint32_t last;

static uint32_t counter(void)
{
	uint32_t n;

	__asm__ volatile("mrc p15, 0, %0, c9, c13, 0" : "=r"(n));
	return n;
}

void core_init(void)
{
	__asm__ volatile("mcr p15, 0, %0, c9, c12, 0" ::"r"(PMCR_ENABLE | PMCR_RESET | PMCR_DIVIDE));
	__asm__ volatile("mcr p15, 0, %0, c9, c12, 1" ::"r"(1u << 31)); // the cycle counter
	last = counter();
}

uint64_t core_now(void)
{
	uint32_t now = counter();

	cycles += now - last;
	last = now;
	return cycles * 8 / 125; // 64 ns each
}

void core_acknowledge(void)
{
	core_barrier();
}

void core_wait(uint64_t until)
{
	(void)until;
	__asm__ volatile("yield");
}

void core_ring(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
	*core_register(R5F_DOORBELL) = '.';
}

// Nothing wakes this core but its reset.
static _Noreturn void stand_still(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

void core_crash(uint32_t type)
{
	*core_control(CTRL_CRASH) = type;
	core_ring();
	stand_still();
}

void core_hang(void)
{
	__asm__ volatile("cpsid aif" ::: "memory");
	for (;;)
		__asm__ volatile("");
}

void core_off(void)
{
	*core_control(CTRL_STOP) = CTRL_STOP_DONE;
	__asm__ volatile("dsb sy" ::: "memory");
	stand_still();
}

void core_undefined(void)
{
	__asm__ volatile("udf #0");
	stand_still();
}
