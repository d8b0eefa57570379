// SPDX-License-Identifier: Apache-2.0
//
// Declared from the public documentation of the API, only to let a compiler check the example beside it: no working
// implementation, and no substitute for the real header.
// Of Zephyr, include/zephyr/device.h and include/zephyr/devicetree.h.

#ifndef ZEPHYR_DEVICE_H
#define ZEPHYR_DEVICE_H

struct device {
	const char *name;
};

extern const struct device declared_device_ipc0;

#define DT_NODELABEL(label) label
#define DECLARED_DEVICE(node) (&declared_device_##node)
#define DEVICE_DT_GET(node) DECLARED_DEVICE(node)

#endif
