// SPDX-License-Identifier: Apache-2.0
//
// What the files of the kit share.

#ifndef OFFLOAD_KIT_INTERNAL_H
#define OFFLOAD_KIT_INTERNAL_H

#include "offload_kit.h"
#include "pack.h"

enum phase { PHASE_FREE, PHASE_RUNNING, PHASE_PENDING, PHASE_ANSWERED };

// The smallest MTU at which every answer of the protocol itself fits.
enum { OFFLOAD_MTU_MIN = 128, OFFLOAD_NAME_MAX = 32, OFFLOAD_MESSAGE_MAX = 100, OFFLOAD_LOG_MAX = 200 };

// Methods of the protocol, by number.
enum { METHOD_HELLO, METHOD_METHODS, METHOD_PING, METHOD_CANCEL, METHOD_STATS, METHOD_CLOCK, METHOD_LOG, METHOD_BEAT,
       METHOD_TABLE = 16, METHOD_NONE = INT32_MAX };

struct request {
	uint32_t id;
	struct value method;
	const uint8_t *params, *end;
	uint32_t count;
	uint64_t deadline; // 0: none
};

// Features that both sides have.
bool offload_agreed(const struct offload_server *server, unsigned feature);
uint64_t offload_now(const struct offload_server *server);
size_t offload_bounded_length(const char *text, size_t max);
void offload_send(struct offload_server *server, const void *payload, size_t length);

// One bad-arguments error outranks a bad-buffer error: what is wrong with a call does not depend on the order of its
// arguments. Otherwise the first failure stays.
void offload_set_code(struct offload_call *call, uint32_t code, const char *message);

void offload_run(struct offload_server *server, const struct request *request);
void offload_protocol(struct offload_call *call, uint32_t number);
uint32_t offload_protocol_number(const struct value *name); // METHOD_NONE: not one of them
void offload_cancel(struct offload_server *server, uint32_t id);
void offload_forget(struct offload_server *server);
bool offload_is_open(const struct offload_server *server, uint32_t id);

void offload_begin_call(struct offload_server *server, struct offload_call *call, const struct request *request);
void offload_finish(struct offload_call *call);
void offload_reject(struct offload_server *server, uint32_t id, uint32_t code, const char *message);
void offload_flush(struct offload_server *server);
void offload_put(struct offload_call *call, const uint8_t *head, size_t head_length, const void *body, size_t length,
		 uint64_t children);

#endif
