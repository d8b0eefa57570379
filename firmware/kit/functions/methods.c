// SPDX-License-Identifier: Apache-2.0
//
// The functions as methods: arguments in, result out.

#include "data.h"

void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);

static enum offload_done finish(struct offload_call *c, uint32_t code, const char *why, uint64_t count)
{
	if (code)
		return offload_fail(c, code, why);
	offload_put_u64(c, count);
	return OFFLOAD_DONE;
}

enum offload_done offload_run_echo(struct offload_call *c, void *user)
{
	struct offload_in value = offload_arg_any(c);

	(void)user;
	if (offload_args_end(c))
		offload_put_encoded(c, value.data, value.length);
	return OFFLOAD_DONE;
}

enum offload_done offload_run_sum(struct offload_call *c, void *user)
{
	struct offload_in data = offload_arg_data(c);

	(void)user;
	if (offload_args_end(c))
		offload_put_u64(c, offload_sum(data));
	return OFFLOAD_DONE;
}

enum offload_done offload_run_crc32c(struct offload_call *c, void *user)
{
	struct offload_in data = offload_arg_data(c);

	(void)user;
	if (offload_args_end(c))
		offload_put_u64(c, offload_crc32c(data));
	return OFFLOAD_DONE;
}

enum offload_done offload_run_fill(struct offload_call *c, void *user)
{
	struct offload_out out = offload_arg_out(c);
	uint64_t byte = offload_arg_uint(c, 255);

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	memset(out.data, (int)byte, out.length);
	return finish(c, 0, NULL, out.length);
}

enum offload_done offload_run_copy(struct offload_call *c, void *user)
{
	struct offload_out out = offload_arg_out(c);
	struct offload_in data = offload_arg_data(c);
	size_t n;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	n = out.length < data.length ? out.length : data.length;
	memmove(out.data, data.data, n);
	return finish(c, 0, NULL, n);
}

enum offload_done offload_run_add_i16(struct offload_call *c, void *user)
{
	struct offload_out out = offload_arg_out(c);
	struct offload_in a = offload_arg_data(c), b = offload_arg_data(c);
	const char *why = NULL;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	return finish(c, offload_add_i16(out, a, b, &why), why, out.length / 2);
}

enum offload_done offload_run_fir_q15(struct offload_call *c, void *user)
{
	struct offload_out out = offload_arg_out(c);
	struct offload_in x = offload_arg_data(c), h = offload_arg_data(c);
	const char *why = NULL;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	return finish(c, offload_fir_q15(out, x, h, &why), why, x.length / 2);
}

static enum offload_done picture(struct offload_call *c,
				 uint32_t (*run)(struct offload_out, struct offload_in, uint64_t, uint64_t, uint64_t,
						 const char **))
{
	struct offload_out out = offload_arg_out(c);
	struct offload_in in = offload_arg_data(c);
	uint64_t width = offload_arg_u64(c), height = offload_arg_u64(c), stride = offload_arg_u64(c);
	const char *why = NULL;

	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	return finish(c, run(out, in, width, height, stride, &why), why, width * height);
}

enum offload_done offload_run_gauss5x5(struct offload_call *c, void *user)
{
	(void)user;
	return picture(c, offload_gauss5x5);
}

enum offload_done offload_run_sobel3x3(struct offload_call *c, void *user)
{
	(void)user;
	return picture(c, offload_sobel3x3);
}

enum offload_done offload_run_matmul_i8(struct offload_call *c, void *user)
{
	struct offload_out out = offload_arg_out(c);
	struct offload_in a = offload_arg_data(c), b = offload_arg_data(c);
	uint64_t m = offload_arg_u64(c), n = offload_arg_u64(c), k = offload_arg_u64(c);
	const char *why = NULL;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	return finish(c, offload_matmul_i8(out, a, b, m, n, k, &why), why, m * n);
}

// poke and peek take a bare device address, so they are bound to words, but go through the same map as buffers.
enum offload_done offload_run_poke(struct offload_call *c, void *user)
{
	uint64_t address = offload_arg_u64(c), pattern = offload_arg_uint(c, UINT32_MAX), count = offload_arg_u64(c), i;
	uint8_t *p;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	if (address % 4)
		return offload_fail(c, OFFLOAD_BAD_ARGUMENTS, "address is not a multiple of 4");
	if (count > UINT64_MAX / 4)
		return offload_fail(c, OFFLOAD_BAD_BUFFER, "out of map");
	p = offload_map(c, address, 4 * count, OFFLOAD_WRITE);
	if (!p)
		return OFFLOAD_DONE;
	for (i = 0; i < count; i++)
		offload_store32(p + 4 * (size_t)i, (uint32_t)pattern);
	return finish(c, 0, NULL, count);
}

enum offload_done offload_run_peek(struct offload_call *c, void *user)
{
	uint64_t address = offload_arg_u64(c);
	const uint8_t *p;

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	if (address % 4)
		return offload_fail(c, OFFLOAD_BAD_ARGUMENTS, "address is not a multiple of 4");
	p = offload_map(c, address, 4, OFFLOAD_READ);
	if (!p)
		return OFFLOAD_DONE;
	return finish(c, 0, NULL, p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}
