// SPDX-License-Identifier: Apache-2.0

#include "resource.h"

#include <stddef.h>

#include "core.h"
#include "trace.h"

enum { VRING_ENTRIES = 256, VRING_ALIGN = 4096 };

#define ADDRESS_ANY 0xffffffffu // FW_RSC_ADDR_ANY

// Linux finds it by the name of its section. The linker script puts the trace buffer at a fixed place, because C does
// not let an address of 64 bits initialize the 32 bits it has here.

__attribute__((section(".resource_table"), used)) volatile struct resource_table resource_table = {
	.version = 1,
	.count = 3,
	.offset = {
		offsetof(struct resource_table, fw),
		offsetof(struct resource_table, vdev),
		offsetof(struct resource_table, trace),
	},
	.fw = {
		.type = RSC_CARVEOUT,
		.da = CORE_IMAGE,
		.len = CORE_FW_SIZE,
		.name = "fw",
	},
	.vdev = {
		.type = RSC_VDEV,
		.id = VIRTIO_ID_RPMSG,
		.dfeatures = 1u << VIRTIO_RPMSG_F_NS,
		.num_of_vrings = 2,
		.vring = {
			{ .da = ADDRESS_ANY, .align = VRING_ALIGN, .num = VRING_ENTRIES, .notifyid = 0 },
			{ .da = ADDRESS_ANY, .align = VRING_ALIGN, .num = VRING_ENTRIES, .notifyid = 1 },
		},
	},
	.trace = {
		.type = RSC_TRACE,
		.da = CORE_IMAGE + TRACE_OFFSET,
		.len = TRACE_SIZE,
		.name = "trace0",
	},
};
