// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of the MCU+ SDK, source/kernel/dpl/SystemP.h.

#ifndef SYSTEMP_H
#define SYSTEMP_H

#include <stdint.h>

#define SystemP_SUCCESS ((int32_t)0)
#define SystemP_WAIT_FOREVER (~((uint32_t)0U))

#endif
