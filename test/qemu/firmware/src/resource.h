// SPDX-License-Identifier: Apache-2.0
//
// The resource table as Linux lays it down (include/linux/remoteproc.h). Linux fills in the vrings and the status.

#ifndef RESOURCE_H
#define RESOURCE_H

#include <stdint.h>

enum { RSC_CARVEOUT = 0, RSC_TRACE = 2, RSC_VDEV = 3 };
enum { VIRTIO_ID_RPMSG = 7, VIRTIO_RPMSG_F_NS = 0, VIRTIO_DRIVER_OK = 4 };

struct resource_vring {
	uint32_t da, align, num, notifyid, pa;
};

struct resource_table {
	uint32_t version, count, reserved[2];
	uint32_t offset[3];
	struct {
		uint32_t type, da, pa, len, flags, reserved;
		char name[32];
	} fw;
	struct {
		uint32_t type, id, notifyid, dfeatures, gfeatures, config_len;
		uint8_t status, num_of_vrings, reserved[2];
		struct resource_vring vring[2];
	} vdev;
	struct {
		uint32_t type, da, len, reserved;
		char name[32];
	} trace;
};

extern volatile struct resource_table resource_table;

#endif
