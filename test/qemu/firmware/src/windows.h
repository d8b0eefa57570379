// SPDX-License-Identifier: Apache-2.0
//
// Device addresses are what messages carry; the bus has others. The table is in board.h.

#ifndef WINDOWS_H
#define WINDOWS_H

#include <stdint.h>

// windows_find gives the memory behind a range of device addresses, NULL if no one window holds all of it.
void *windows_find(uint64_t address, uint64_t length);

#endif
