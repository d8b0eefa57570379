// SPDX-License-Identifier: Apache-2.0

#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>

// TRACE_OFFSET: from the image's start, also known to the linker script.
enum { TRACE_SIZE = 0x4000 };

// Linux reads it as text up to the first zero byte (debugfs remoteprocN/trace0).
extern char trace_buffer[TRACE_SIZE];

// trace adds a line, stamped with seconds. The format knows %s (text), %u (uint64_t, decimal), %x (uint64_t,
// hexadecimal); numbers must be cast to uint64_t.
void trace(const char *format, ...);

#endif
