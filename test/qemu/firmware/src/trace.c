// SPDX-License-Identifier: Apache-2.0

#include "trace.h"

#include <stdarg.h>

#include "core.h"

void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);

__attribute__((section(".trace"))) char trace_buffer[TRACE_SIZE];
static unsigned end;

// A full buffer loses its older half, so that a reader always has the last lines.
static void put(char c)
{
	unsigned half = TRACE_SIZE / 2;

	if (end == TRACE_SIZE - 1) {
		while (half < end && trace_buffer[half - 1] != '\n')
			half++;
		memmove(trace_buffer, trace_buffer + half, end - half);
		memset(trace_buffer + (end - half), 0, half);
		end -= half;
	}
	trace_buffer[end++] = c;
}

static void text(const char *s)
{
	while (*s)
		put(*s++);
}

static void number(uint64_t n, unsigned base, unsigned width)
{
	char digits[20];
	unsigned i = 0;

	do
		digits[i++] = "0123456789abcdef"[n % base];
	while ((n /= base) != 0);
	for (; width > i; width--)
		put('0');
	while (i)
		put(digits[--i]);
}

void trace(const char *format, ...)
{
	uint64_t now = core_now();
	va_list args;

	put('[');
	number(now / 1000000, 10, 0);
	put('.');
	number(now % 1000000, 10, 6);
	text("] ");
	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 's':
			text(va_arg(args, const char *));
			break;
		case 'u':
			number(va_arg(args, uint64_t), 10, 0);
			break;
		case 'x':
			text("0x");
			number(va_arg(args, uint64_t), 16, 0);
			break;
		default:
			put(*format);
		}
	}
	va_end(args);
	put('\n');
	core_barrier();
}
