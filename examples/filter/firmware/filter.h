// SPDX-License-Identifier: Apache-2.0

#ifndef FILTER_H
#define FILTER_H

#include "filter_offload.h"

struct filter {
	float limit;
};

extern const struct offload_method filter_methods[];
extern const size_t filter_method_count;

#endif
