// SPDX-License-Identifier: Apache-2.0
//
// The method table: the function set of docs/protocol.md section 7.

#ifndef COMMANDS_H
#define COMMANDS_H

#include "offload_functions.h"

extern const struct offload_method commands[];
extern const size_t command_count;
extern struct offload_sleepers command_sleepers;

#endif
