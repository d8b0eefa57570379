// SPDX-License-Identifier: Apache-2.0
//
// What an exception leaves behind: the registers in the trace, and word to Linux.

#include "core.h"
#include "trace.h"

// As start_aarch64.S stores it.
struct registers {
	uint64_t x[31], sp;
};

_Noreturn void exception(const struct registers *r, uint64_t kind);

// The class of ESR_EL1 (Arm ARM, D17.2.37), as far as it says more than a number.
static const char *class(uint64_t esr)
{
	switch (esr >> 26 & 63) {
	case 0x00:
		return "undefined instruction";
	case 0x20:
	case 0x21:
		return "instruction abort";
	case 0x22:
		return "misaligned pc";
	case 0x24:
	case 0x25:
		return "data abort";
	case 0x26:
		return "misaligned sp";
	case 0x2f:
		return "system error";
	case 0x3c:
		return "brk";
	default:
		return "exception";
	}
}

void exception(const struct registers *r, uint64_t kind)
{
	uint64_t esr, elr, far, spsr, ec;
	unsigned i;

	__asm__ volatile("mrs %0, esr_el1" : "=r"(esr));
	__asm__ volatile("mrs %0, elr_el1" : "=r"(elr));
	__asm__ volatile("mrs %0, far_el1" : "=r"(far));
	__asm__ volatile("mrs %0, spsr_el1" : "=r"(spsr));
	ec = esr >> 26 & 63;
	trace("CRASH: %s at pc %x", class(esr), elr);
	trace("vector %u esr %x far %x spsr %x sp %x", kind, esr, far, spsr, r->sp);
	for (i = 0; i < 28; i += 4)
		trace("x%u %x %x %x %x", (uint64_t)i, r->x[i], r->x[i + 1], r->x[i + 2], r->x[i + 3]);
	trace("x28 %x %x %x", r->x[28], r->x[29], r->x[30]);
	core_crash(ec == 0x25 || ec == 0x21 ? CTRL_CRASH_MMUFAULT : CTRL_CRASH_FATAL);
}
