// SPDX-License-Identifier: Apache-2.0
//
// The function set of docs/protocol.md section 7 for any firmware on the kit. Plain C on plain memory; all data is
// little-endian and may lie at any address. Results are the same bytes as those of every other implementation.

#ifndef OFFLOAD_FUNCTIONS_H
#define OFFLOAD_FUNCTIONS_H

#include "offload_kit.h"

enum { OFFLOAD_MAX_TAPS = 1024 };

uint64_t offload_sum(struct offload_in data);
uint32_t offload_crc32c(struct offload_in data);

// These return 0, or a code of enum offload_code with *why telling the reason; then nothing is written.
uint32_t offload_add_i16(struct offload_out out, struct offload_in a, struct offload_in b, const char **why);
uint32_t offload_fir_q15(struct offload_out out, struct offload_in x, struct offload_in h, const char **why);
uint32_t offload_gauss5x5(struct offload_out out, struct offload_in in, uint64_t width, uint64_t height,
			  uint64_t stride, const char **why);
uint32_t offload_sobel3x3(struct offload_out out, struct offload_in in, uint64_t width, uint64_t height,
			  uint64_t stride, const char **why);
uint32_t offload_matmul_i8(struct offload_out out, struct offload_in a, struct offload_in b, uint64_t m, uint64_t n,
			   uint64_t k, const char **why);

// The same as methods, in the order of section 7 up to peek: lines of a method table, which a firmware continues with
// its own.
#define OFFLOAD_FUNCTION_METHODS                                                                       \
	{ "echo", offload_run_echo, NULL, 0 }, { "sum", offload_run_sum, NULL, 0 },                    \
	{ "crc32c", offload_run_crc32c, NULL, 0 }, { "fill", offload_run_fill, NULL, 0 },              \
	{ "copy", offload_run_copy, NULL, 0 }, { "add_i16", offload_run_add_i16, NULL, 0 },            \
	{ "fir_q15", offload_run_fir_q15, NULL, 0 }, { "gauss5x5", offload_run_gauss5x5, NULL, 0 },    \
	{ "sobel3x3", offload_run_sobel3x3, NULL, 0 }, { "matmul_i8", offload_run_matmul_i8, NULL, 0 },\
	{ "poke", offload_run_poke, NULL, 0 }, { "peek", offload_run_peek, NULL, 0 }

enum offload_done offload_run_echo(struct offload_call *call, void *user);
enum offload_done offload_run_sum(struct offload_call *call, void *user);
enum offload_done offload_run_crc32c(struct offload_call *call, void *user);
enum offload_done offload_run_fill(struct offload_call *call, void *user);
enum offload_done offload_run_copy(struct offload_call *call, void *user);
enum offload_done offload_run_add_i16(struct offload_call *call, void *user);
enum offload_done offload_run_fir_q15(struct offload_call *call, void *user);
enum offload_done offload_run_gauss5x5(struct offload_call *call, void *user);
enum offload_done offload_run_sobel3x3(struct offload_call *call, void *user);
enum offload_done offload_run_matmul_i8(struct offload_call *call, void *user);
enum offload_done offload_run_poke(struct offload_call *call, void *user);
enum offload_done offload_run_peek(struct offload_call *call, void *user);

// sleep [milliseconds]: an answer that comes later. The method's user pointer is a struct offload_sleepers; the main
// loop calls offload_wake whenever it runs and at the time (of the firmware's clock) it returned last: UINT64_MAX means
// that nothing sleeps. A sleeper that is cancelled or late says so with error 6 or 5.
struct offload_sleepers {
	struct {
		struct offload_call *call;
		uint64_t until;
	} at[OFFLOAD_CALLS];
};

enum offload_done offload_run_sleep(struct offload_call *call, void *sleepers);
uint64_t offload_wake(struct offload_sleepers *sleepers, uint64_t now);

#endif
