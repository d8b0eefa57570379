// SPDX-License-Identifier: Apache-2.0
//
// The device's side of a virtio ring (VIRTIO 1.2, 2.7, legacy layout), 256 entries, in memory that Linux writes too:
// what it says is checked before it is used.

#ifndef VRING_H
#define VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vring_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

struct vring {
	volatile struct vring_descriptor *descriptors;
	volatile uint16_t *avail; // flags, index, ring
	volatile uint16_t *used_head; // flags, index
	volatile struct vring_used {
		uint32_t id, length;
	} *used;
	uint16_t entries, next_avail, next_used;
};

// vring_init takes what Linux has filled into the resource table. False: it is nothing this core can use.
bool vring_init(struct vring *ring, uint32_t address, uint32_t entries, uint32_t align);

// vring_take gives the next buffer Linux has made available, with the id to give it back by. NULL: there is none. A
// buffer that lies outside the rpmsg buffers' memory is given back at once and not shown.
void *vring_take(struct vring *ring, uint16_t *id, uint32_t *length);

// vring_give gives a buffer back, with so many bytes written. True: Linux wants to be interrupted for it.
bool vring_give(struct vring *ring, uint16_t id, uint32_t length);

#endif
