// SPDX-License-Identifier: Apache-2.0
//
// What an exception leaves behind: the registers in the trace, and word to Linux.

#include "core.h"
#include "trace.h"

// As start_armv7r.S stores it.
struct registers {
	uint32_t r[15], pc;
};

_Noreturn void exception(const struct registers *r, uint32_t kind, uint32_t spsr);

void exception(const struct registers *r, uint32_t kind, uint32_t spsr)
{
	static const char *const names[8] = { "reset", "undefined instruction", "supervisor call", "prefetch abort",
					      "data abort", "reserved", "interrupt", "fast interrupt" };
	uint32_t dfsr, dfar, ifsr, ifar;
	unsigned i;

	__asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(dfsr));
	__asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(ifsr));
	__asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(dfar));
	__asm__ volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(ifar));
	trace("CRASH: %s at pc %x", names[kind & 7], (uint64_t)r->pc);
	if (kind == 4)
		trace("dfsr %x dfar %x spsr %x", (uint64_t)dfsr, (uint64_t)dfar, (uint64_t)spsr);
	else
		trace("ifsr %x ifar %x spsr %x", (uint64_t)ifsr, (uint64_t)ifar, (uint64_t)spsr);
	for (i = 0; i < 12; i += 4)
		trace("r%u %x %x %x %x", (uint64_t)i, (uint64_t)r->r[i], (uint64_t)r->r[i + 1], (uint64_t)r->r[i + 2],
		      (uint64_t)r->r[i + 3]);
	trace("r12 %x sp %x lr %x", (uint64_t)r->r[12], (uint64_t)r->r[13], (uint64_t)r->r[14]);
	core_crash(kind == 3 || kind == 4 ? CTRL_CRASH_MMUFAULT : CTRL_CRASH_FATAL);
}
