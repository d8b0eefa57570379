// SPDX-License-Identifier: Apache-2.0

#include "rpmsg.h"

#include "core.h"
#include "resource.h"
#include "trace.h"
#include "vring.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int byte, size_t length);

enum { NAME_SERVICE = 53 };

struct header {
	uint32_t source, destination, reserved;
	uint16_t length, flags;
};

static struct vring to_linux, from_linux;

static void stop_if_asked(void)
{
	if (!core_stop_requested())
		return;
	trace("stop");
	core_off();
}

// The core runs before Linux has probed the device: the rings are there when the driver says that it is.
void rpmsg_start(void)
{
	volatile struct resource_vring *v = resource_table.vdev.vring;

	for (;;) {
		core_acknowledge();
		stop_if_asked();
		if (resource_table.vdev.status & VIRTIO_DRIVER_OK)
			break;
		core_wait(UINT64_MAX);
	}
	core_barrier();
	if (!vring_init(&to_linux, v[0].da, v[0].num, v[0].align) ||
	    !vring_init(&from_linux, v[1].da, v[1].num, v[1].align)) {
		trace("CRASH: vrings at %x and %x cannot be used", (uint64_t)v[0].da, (uint64_t)v[1].da);
		core_crash(CTRL_CRASH_FATAL);
	}
	trace("driver ok, vrings at %x and %x, features %x", (uint64_t)v[0].da, (uint64_t)v[1].da,
	      (uint64_t)resource_table.vdev.gfeatures);
}

bool rpmsg_send(uint32_t source, uint32_t destination, const void *payload, size_t length)
{
	struct header *h;
	uint32_t room;
	uint16_t id;

	if (length > RPMSG_MTU)
		return false;
	for (;;) {
		core_acknowledge();
		stop_if_asked();
		h = vring_take(&to_linux, &id, &room);
		if (h && room >= sizeof *h + length)
			break;
		if (h)
			vring_give(&to_linux, id, 0);
		else
			core_wait(UINT64_MAX); // Linux kicks when it has read some
	}
	h->source = source;
	h->destination = destination;
	h->reserved = 0;
	h->length = (uint16_t)length;
	h->flags = 0;
	memcpy(h + 1, payload, length);
	if (vring_give(&to_linux, id, (uint32_t)(sizeof *h + length)))
		core_ring();
	return true;
}

void rpmsg_announce(const char *name, uint32_t address)
{
	struct {
		char name[32];
		uint32_t address, flags; // 0: there is a channel, 1: it goes
	} message;
	size_t i;

	memset(&message, 0, sizeof message);
	for (i = 0; i < sizeof message.name - 1 && name[i]; i++)
		message.name[i] = name[i];
	message.address = address;
	rpmsg_send(address, NAME_SERVICE, &message, sizeof message);
	trace("announced %s at %u", name, (uint64_t)address);
}

unsigned rpmsg_receive(rpmsg_receiver *receiver)
{
	static uint32_t copy[(sizeof(struct header) + RPMSG_MTU) / 4];
	const struct header *h = (const struct header *)copy;
	unsigned count = 0;
	uint32_t size;
	uint16_t id;
	void *buffer;

	for (;;) {
		stop_if_asked();
		buffer = vring_take(&from_linux, &id, &size);
		if (!buffer)
			return count;
		count++;
		// A copy cannot change while it is looked at, and Linux has its buffer back before the work is done.
		if (size > sizeof copy)
			size = sizeof copy;
		memcpy(copy, buffer, size);
		if (vring_give(&from_linux, id, 0))
			core_ring();
		if (size < sizeof *h || h->length > size - sizeof *h)
			trace("rpmsg: %u bytes announced in a buffer of %u", (uint64_t)h->length, (uint64_t)size);
		else
			receiver(h->source, h->destination, h + 1, h->length);
	}
}
