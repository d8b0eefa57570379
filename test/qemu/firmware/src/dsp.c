// SPDX-License-Identifier: Apache-2.0
//
// A core of the dsp board: Cortex-A72 at EL1 with a GICv3, the virtual timer, and PSCI to turn itself off.

#include "core.h"

#ifdef CORE_DSP0
enum { SPI_VQ = DSP0_SPI_VQ, SPI_CRASH = DSP0_SPI_CRASH };
#else
enum { SPI_VQ = DSP1_SPI_VQ, SPI_CRASH = DSP1_SPI_CRASH };
#endif

enum {
	PPI_TIMER = 27, // the virtual timer
	OWN = 1 << DSP_SGI_KICK | 1 << DSP_SGI_STOP | 1 << PPI_TIMER,
	SPURIOUS = 1020, // and above: no interrupt
	PSCI_CPU_OFF = 0x84000002u - 0x100000000,

	GICD_ISPENDR = 0x200,
	GICR_WAKER = 0x14,
	WAKER_PROCESSOR_SLEEP = 2,
	WAKER_CHILDREN_ASLEEP = 4,
	GICR_SGI = 0x10000,
	GICR_IGROUPR0 = GICR_SGI + 0x080,
	GICR_ISENABLER0 = GICR_SGI + 0x100,
	GICR_ICPENDR0 = GICR_SGI + 0x280,
	GICR_ICACTIVER0 = GICR_SGI + 0x380,
	GICR_IPRIORITYR = GICR_SGI + 0x400,
};

#define READ(reg)                                                      \
	({                                                             \
		uint64_t value_;                                       \
		__asm__ volatile("mrs %0, " reg : "=r"(value_));       \
		value_;                                                \
	})
#define WRITE(reg, value) __asm__ volatile("msr " reg ", %0" ::"r"((uint64_t)(value)) : "memory")

#define ICC_SRE "S3_0_C12_C12_5"
#define ICC_PMR "S3_0_C4_C6_0"
#define ICC_IGRPEN1 "S3_0_C12_C12_7"
#define ICC_IAR1 "S3_0_C12_C12_0"
#define ICC_EOIR1 "S3_0_C12_C12_1"

static uint64_t began, frequency;

static uint64_t ticks(void)
{
	__asm__ volatile("isb" ::: "memory");
	return READ("cntvct_el0");
}

uint64_t core_now(void)
{
	uint64_t t = ticks() - began;

	return t / frequency * 1000000 + t % frequency * 1000000 / frequency;
}

static void gic_init(void)
{
	uintptr_t frame = DSP_GICR + (uintptr_t)(READ("mpidr_el1") & 0xff) * DSP_GICR_STRIDE;
	volatile uint8_t *priority = (volatile uint8_t *)(frame + GICR_IPRIORITYR);

	*core_register(frame + GICR_WAKER) &= ~(uint32_t)WAKER_PROCESSOR_SLEEP;
	while (*core_register(frame + GICR_WAKER) & WAKER_CHILDREN_ASLEEP)
		;
	// CPU_OFF does not reset the redistributor. SGI 15 in it is the reset line, which is not ours: only own bits.
	*core_register(frame + GICR_ICPENDR0) = OWN;
	*core_register(frame + GICR_ICACTIVER0) = OWN;
	*core_register(frame + GICR_IGROUPR0) |= OWN;
	priority[DSP_SGI_KICK] = priority[DSP_SGI_STOP] = priority[PPI_TIMER] = 0xa0;
	*core_register(frame + GICR_ISENABLER0) = OWN;
	WRITE(ICC_SRE, 7);
	__asm__ volatile("isb");
	WRITE(ICC_PMR, 0xff);
	WRITE(ICC_IGRPEN1, 1);
	__asm__ volatile("isb");
}

void core_init(void)
{
	frequency = READ("cntfrq_el0");
	began = ticks();
	WRITE("cntv_ctl_el0", 0);
	gic_init();
}

void core_acknowledge(void)
{
	uint64_t id;

	while ((id = READ(ICC_IAR1) & 0xffffff) < SPURIOUS) {
		if (id == PPI_TIMER)
			WRITE("cntv_ctl_el0", 0); // a level: it ends here or it comes again
		__asm__ volatile("isb");
		WRITE(ICC_EOIR1, id);
	}
	__asm__ volatile("isb; dsb sy" ::: "memory");
}

void core_wait(uint64_t until)
{
	uint64_t left, now;

	if (until != UINT64_MAX) {
		now = core_now();
		if (until <= now)
			return;
		left = until - now < 3600u * 1000000u ? until - now : 3600u * 1000000u;
		WRITE("cntv_cval_el0", ticks() + left * frequency / 1000000 + 1);
		WRITE("cntv_ctl_el0", 1);
		__asm__ volatile("isb");
	}
	__asm__ volatile("dsb sy; wfi" ::: "memory");
	WRITE("cntv_ctl_el0", 0);
}

static void raise(unsigned spi)
{
	unsigned id = spi + 32;

	__asm__ volatile("dsb sy" ::: "memory");
	*core_register(DSP_GICD + GICD_ISPENDR + 4 * (id / 32)) = 1u << id % 32;
}

void core_ring(void)
{
	raise(SPI_VQ);
}

// Without a group nothing is pending for this core any more, and WFI sleeps until the reset line.
static _Noreturn void stand_still(void)
{
	WRITE(ICC_IGRPEN1, 0);
	__asm__ volatile("isb");
	for (;;)
		__asm__ volatile("wfi");
}

void core_crash(uint32_t type)
{
	*core_control(CTRL_CRASH) = type;
	raise(SPI_CRASH);
	stand_still();
}

void core_hang(void)
{
	__asm__ volatile("msr daifset, #15" ::: "memory");
	for (;;)
		__asm__ volatile("");
}

void core_off(void)
{
	register uint64_t x0 __asm__("x0") = (uint32_t)PSCI_CPU_OFF;

	*core_control(CTRL_STOP) = CTRL_STOP_DONE;
	__asm__ volatile("dsb sy" ::: "memory");
	if (*core_control(CTRL_CONDUIT) == CTRL_CONDUIT_SMC)
		__asm__ volatile("smc #0" : "+r"(x0)::"memory");
	else
		__asm__ volatile("hvc #0" : "+r"(x0)::"memory");
	stand_still();
}

void core_undefined(void)
{
	__asm__ volatile(".inst 0"); // udf #0
	stand_still();
}
