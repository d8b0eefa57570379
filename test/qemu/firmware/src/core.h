// SPDX-License-Identifier: Apache-2.0
//
// What a core of the emulated boards offers to the rest of the firmware. Two implementations: dsp.c and r5f.c. The
// contract with Linux is test/qemu/README.md, the numbers are board.h.

#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

#if defined(CORE_DSP0)
#define CORE_NAME "dsp0"
#define CORE_BASE DSP0_BASE
#define CORE_IMAGE (DSP0_BASE + CORE_FW)
#define CORE_WINDOWS DSP0_WINDOWS
#define CORE_ADDRESS_BITS 40
#elif defined(CORE_DSP1)
#define CORE_NAME "dsp1"
#define CORE_BASE DSP1_BASE
#define CORE_IMAGE (DSP1_BASE + CORE_FW)
#define CORE_WINDOWS DSP1_WINDOWS
#define CORE_ADDRESS_BITS 40
#elif defined(CORE_R5F)
#define CORE_NAME "r5f"
#define CORE_BASE R5F_BASE
#define CORE_IMAGE R5F_FW
#define CORE_WINDOWS R5F_WINDOWS
#define CORE_ADDRESS_BITS 32
#else
#error "which core?"
#endif

static inline volatile uint32_t *core_register(uintptr_t address)
{
	return (volatile uint32_t *)address;
}

// A word of the control page.
static inline volatile uint32_t *core_control(unsigned int word)
{
	return core_register((uintptr_t)CORE_BASE + CORE_CTRL + word);
}

// All that was written before is seen before what is written later.
static inline void core_barrier(void)
{
	__asm__ volatile("dmb sy" ::: "memory");
}

static inline bool core_stop_requested(void)
{
	return *core_control(CTRL_STOP) == CTRL_STOP_REQUEST;
}

void core_init(void);
uint64_t core_now(void); // microseconds since core_init

// The order is: core_acknowledge, look at all there is to do, and if there is nothing core_wait. A signal after the
// acknowledgement ends the wait at once; looking before acknowledging would lose it.
void core_acknowledge(void);
void core_wait(uint64_t until); // until something happens, or that time

void core_ring(void); // Linux shall look at the vrings
_Noreturn void core_crash(uint32_t type);
_Noreturn void core_off(void);
_Noreturn void core_hang(void); // with all interrupts off
_Noreturn void core_undefined(void); // an instruction that does not exist

#endif
