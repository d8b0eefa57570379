// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of the MCU+ SDK, source/kernel/dpl/ClockP.h.

#ifndef CLOCKP_H
#define CLOCKP_H

#include <stdint.h>

uint64_t ClockP_getTimeUsec(void);

#endif
