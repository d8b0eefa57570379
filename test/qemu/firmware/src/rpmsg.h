// SPDX-License-Identifier: Apache-2.0
//
// RPMsg over two vrings, as Linux' virtio_rpmsg_bus has it.

#ifndef RPMSG_H
#define RPMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RPMSG_MTU = 496 };

// What to do with a message; the payload is the core's own copy.
typedef void rpmsg_receiver(uint32_t source, uint32_t destination, const void *payload, size_t length);

// rpmsg_start waits until Linux is ready (or wants the core to stop, which does not return).
void rpmsg_start(void);
void rpmsg_announce(const char *name, uint32_t address);

// rpmsg_send waits for a buffer of Linux. False: the message is too long.
bool rpmsg_send(uint32_t source, uint32_t destination, const void *payload, size_t length);

// rpmsg_receive hands over all messages that are there, and returns how many.
unsigned rpmsg_receive(rpmsg_receiver *receiver);

#endif
