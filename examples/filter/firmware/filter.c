// SPDX-License-Identifier: Apache-2.0
//
// What a firmware engineer writes: the functions of filter_offload.h, and their entries in the method table.

#include "filter.h"

enum offload_done filter_gain(struct offload_call *call, void *user, struct offload_out out, struct offload_in in, uint8_t factor)
{
	size_t i;

	(void)user;
	if (out.length < in.length)
		return offload_fail(call, OFFLOAD_BAD_BUFFER, "out is too short");
	for (i = 0; i < in.length; i++) {
		unsigned product = in.data[i] * (unsigned)factor;

		out.data[i] = (uint8_t)(product < 255 ? product : 255);
	}
	return filter_gain_result(call, in.length);
}

enum offload_done filter_invert(struct offload_call *call, void *user, struct offload_out data)
{
	size_t i;

	(void)user;
	for (i = 0; i < data.length; i++)
		data.data[i] = (uint8_t)(255 - data.data[i]);
	return filter_invert_result(call);
}

static double mean(struct offload_in data)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < data.length; i++)
		sum += data.data[i];
	return data.length ? (double)sum / (double)data.length : 0;
}

enum offload_done filter_mean(struct offload_call *call, void *user, struct offload_in data, int16_t offset)
{
	(void)user;
	return filter_mean_result(call, mean(data) + offset);
}

enum offload_done filter_threshold(struct offload_call *call, void *user, float limit)
{
	struct filter *f = user;
	float before = f->limit;

	f->limit = limit;
	return filter_threshold_result(call, before);
}

enum offload_done filter_loud(struct offload_call *call, void *user, struct offload_in data)
{
	const struct filter *f = user;

	return filter_loud_result(call, mean(data) > (double)f->limit);
}

enum offload_done filter_describe(struct offload_call *call, void *user, struct offload_in name, bool verbose)
{
	static const char text[] = "multiplies bytes";

	(void)user;
	if (name.length != 4 || name.data[0] != 'g')
		return offload_fail(call, OFFLOAD_APPLICATION, "no such filter");
	return filter_describe_result(call, text, verbose ? sizeof text - 1 : 0);
}

enum offload_done filter_kernel(struct offload_call *call, void *user, int64_t number)
{
	static const uint8_t kernel[] = { 1, 4, 6, 4, 1 };

	(void)user;
	if (number != 0)
		return offload_fail(call, OFFLOAD_BAD_ARGUMENTS, "there is register 0");
	return filter_kernel_result(call, kernel, sizeof kernel);
}

static struct filter state;

const struct offload_method filter_methods[] = { FILTER_METHODS(&state) };
const size_t filter_method_count = sizeof filter_methods / sizeof *filter_methods;
