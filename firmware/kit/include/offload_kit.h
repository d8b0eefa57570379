// SPDX-License-Identifier: Apache-2.0
//
// offload kit: the remote side of docs/protocol.md for firmware. Portable C99: no malloc, no operating system, no
// recursion; all state is in one struct the firmware gives. Two functions make a port: send, and memory.
//
// Concurrency: none. One server is used from one context (main loop or one task), never from interrupt handlers.

#ifndef OFFLOAD_KIT_H
#define OFFLOAD_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Largest payload the carrier can move, in both directions: 496 bytes with the buffers of virtio RPMsg.
#ifndef OFFLOAD_MTU
#define OFFLOAD_MTU 496u
#endif

// Requests that can be open at once. A function that answers before it returns needs one.
#ifndef OFFLOAD_CALLS
#define OFFLOAD_CALLS 16u
#endif

// Buffers one call may write to; each is remembered so that it can be cleaned from the caches before the answer.
#ifndef OFFLOAD_RANGES
#define OFFLOAD_RANGES 4u
#endif

enum offload_code {
	OFFLOAD_UNKNOWN_METHOD = 1,
	OFFLOAD_BAD_ARGUMENTS = 2,
	OFFLOAD_BAD_BUFFER = 3,
	OFFLOAD_TOO_LARGE = 4,
	OFFLOAD_LATE = 5,
	OFFLOAD_CANCELLED = 6,
	OFFLOAD_BUSY = 7,
	OFFLOAD_FAILED = 8,
	OFFLOAD_VERSION = 9,
	OFFLOAD_INTERNAL = 10,
	OFFLOAD_APPLICATION = 256 // first code of the application
};

enum offload_access { OFFLOAD_READ = 1, OFFLOAD_WRITE = 2 };

enum offload_memory_op {
	// The function is about to use the range: check it against the memory it may touch, drop stale cache lines,
	// return where the core finds it; NULL refuses (error 3).
	OFFLOAD_BEGIN,
	// The function has written the range and the answer is about to leave: write the lines back. The result is
	// ignored. Only called for ranges with OFFLOAD_WRITE for which OFFLOAD_BEGIN gave a pointer.
	OFFLOAD_END
};

enum offload_level { OFFLOAD_DEBUG, OFFLOAD_INFO, OFFLOAD_WARNING, OFFLOAD_ERROR };

// What a function returns.
enum offload_done {
	OFFLOAD_DONE,	// finished: the kit sends the results, or the error set by offload_fail or an argument
	OFFLOAD_PENDING // not finished: the firmware calls offload_answer later, exactly once
};

enum {
	// offload_method.flags: the function may take long or never return; answers that wait to share a payload with
	// others leave before it starts.
	OFFLOAD_SLOW = 1,
	// offload_receive: a function is running and the payload holds requests; give it again when that is over.
	OFFLOAD_AGAIN = 1
};

// What the firmware makes use of, and says in hello.
enum offload_feature {
	OFFLOAD_FEATURE_DEADLINE = 1, // needs a clock
	OFFLOAD_FEATURE_CANCEL = 2,   // its functions look at offload_cancelled
	OFFLOAD_FEATURE_BATCH = 4,    // costs nothing: the kit does it
	OFFLOAD_FEATURE_BEAT = 8,     // it calls offload_beat regularly: the host may take silence for death
	OFFLOAD_FEATURE_LOG = 16      // it calls offload_log
};

struct offload_server;
struct offload_call;

struct offload_method {
	const char *name; // 1 to 32 bytes
	enum offload_done (*run)(struct offload_call *call, void *user);
	void *user;
	unsigned flags;
};

struct offload_config {
	void *user; // given to the callbacks below

	// Sends one payload; waits for a free transmit buffer if need be. Nonzero: the payload is lost (counted).
	int (*send)(void *user, const void *payload, size_t length);

	// Gives access to a range of device addresses. length is never 0 and address + length - 1 never beyond
	// address_bits or the core's own pointers. NULL instead of a function: no buffers.
	void *(*memory)(void *user, enum offload_memory_op op, uint64_t address, uint64_t length, unsigned access);

	// Microseconds since the firmware started. NULL: no deadlines, all times are 0.
	uint64_t (*clock)(void *user);

	// A notification of the application has come; its arguments are read like a function's. May be NULL.
	void (*notice)(void *user, const char *name, size_t name_length, struct offload_call *arguments);

	const struct offload_method *methods;
	size_t method_count;
	const char *name;	// of the firmware, at most 32 bytes
	uint32_t mtu;		// 128 to OFFLOAD_MTU; 0: OFFLOAD_MTU
	uint32_t cache_line;	// bytes; 0: 1, no cache
	unsigned features;	// OFFLOAD_FEATURE_*
	unsigned address_bits;	// 1 to 64; 0: as wide as the core's pointers
};

struct offload_stats {
	uint64_t calls, errors, dropped, busy_us;
};

// A range the function may read.
struct offload_in {
	const uint8_t *data;
	size_t length;
};

// A range the function may write.
struct offload_out {
	uint8_t *data;
	size_t length;
};

// Members are the kit's own; the struct is public so that the firmware can reserve the memory.
struct offload_call {
	struct offload_server *server;
	const struct offload_method *method;
	void *state; // for the firmware: what a pending call needs to go on
	const uint8_t *at, *end;
	const char *message;
	uint64_t deadline;
	uint32_t id, left, code;
	uint8_t phase, range_count;
	bool cancelled, forgotten, note;
	struct {
		uint64_t address, length;
	} range[OFFLOAD_RANGES];
};

struct offload_writer {
	struct offload_call *owner;
	size_t held, length;
	uint32_t need;
	uint8_t bytes[OFFLOAD_MTU];
};

struct offload_server {
	const struct offload_config *config;
	struct offload_stats stats;
	uint64_t arrived, host_clock, hello_at, beats;
	uint32_t mtu, features;
	struct offload_call *running;
	bool receiving, greeted;
	struct offload_call call[OFFLOAD_CALLS], control, note;
	struct offload_writer answers, notes;
};

// ---- the server ----

// offload_init prepares a server. The configuration and all it points to must outlive the server. Nonzero: the
// configuration makes no sense.
int offload_init(struct offload_server *server, const struct offload_config *config);

// offload_receive takes one payload as it came: decodes, runs, answers. 0, or OFFLOAD_AGAIN, which only a function
// that hands on payloads while it runs can see. Never reads outside the payload, whatever it holds.
int offload_receive(struct offload_server *server, const void *payload, size_t length);

// offload_receive_at is for firmware that stamps payloads when they arrive (in microseconds of its clock) and serves
// them later: the caller's time runs from then.
int offload_receive_at(struct offload_server *server, const void *payload, size_t length, uint64_t arrived);

// offload_open_calls counts the requests that are not yet answered.
unsigned offload_open_calls(const struct offload_server *server);

// offload_host_clock is the host's clock now, by the clocks exchanged in hello; 0 before the first hello.
uint64_t offload_host_clock(const struct offload_server *server);

// ---- arguments, in order ----
// A wrong or missing argument makes the call fail with the right error by itself; the functions return zero then.
// Call offload_args_end after the last one and go on only if it says true. Inline bytes and strings lie in the
// payload: a function that returns OFFLOAD_PENDING must copy what it needs later.

uint64_t offload_arg_u64(struct offload_call *call);
uint64_t offload_arg_uint(struct offload_call *call, uint64_t max); // more than max is a bad argument
int64_t offload_arg_i64(struct offload_call *call);
bool offload_arg_bool(struct offload_call *call);
double offload_arg_f64(struct offload_call *call);
struct offload_in offload_arg_bytes(struct offload_call *call);	// byte string
struct offload_in offload_arg_str(struct offload_call *call);	// text, not terminated
struct offload_in offload_arg_data(struct offload_call *call);	// byte string, or buffer to read
struct offload_out offload_arg_out(struct offload_call *call);	// buffer to write
struct offload_out offload_arg_inout(struct offload_call *call);// buffer to read and write
struct offload_in offload_arg_any(struct offload_call *call);	// any one value, as it is encoded
uint32_t offload_arg_array(struct offload_call *call); // an array: its elements are the next arguments, counted by it
uint32_t offload_args_left(const struct offload_call *call);
bool offload_args_end(struct offload_call *call);

// offload_map gives the memory behind a device address as an argument would: checked, and cleaned before the answer
// if written. NULL: refused, and the call fails with error 3.
void *offload_map(struct offload_call *call, uint64_t address, uint64_t length, unsigned access);

// ---- results ----
// One value; an array or map of n counts its elements as they follow. Nothing at all is nil.

void offload_put_nil(struct offload_call *call);
void offload_put_bool(struct offload_call *call, bool value);
void offload_put_u64(struct offload_call *call, uint64_t value);
void offload_put_i64(struct offload_call *call, int64_t value);
void offload_put_f64(struct offload_call *call, double value);
void offload_put_bytes(struct offload_call *call, const void *data, size_t length);
void offload_put_str(struct offload_call *call, const char *text, size_t length);
void offload_put_array(struct offload_call *call, uint32_t count);
void offload_put_map(struct offload_call *call, uint32_t pairs);
void offload_put_encoded(struct offload_call *call, const void *data, size_t length); // one value from offload_arg_any

// offload_fail makes the call fail; the first failure stays. The text (at most 100 bytes are sent) must live until the
// answer. Returns OFFLOAD_DONE, so that a function can say `return offload_fail(...)`.
enum offload_done offload_fail(struct offload_call *call, uint32_t code, const char *message);

// offload_answer ends a pending call: results or the failure leave at once, and the pointer is no longer valid. In a
// running function it answers before the function is over. Results of two calls must not be written in turns.
void offload_answer(struct offload_call *call);

bool offload_cancelled(const struct offload_call *call); // the host has asked to give up: fail with OFFLOAD_CANCELLED
uint64_t offload_deadline(const struct offload_call *call); // by the firmware's clock; 0: none
bool offload_late(const struct offload_call *call);	 // the caller's time is over: fail with OFFLOAD_LATE

// ---- notifications ----

// offload_log sends one line to the host's log if the host wants lines: at most 200 bytes, control characters become
// spaces.
void offload_log(struct offload_server *server, enum offload_level level, const char *text, size_t length);

// offload_beat sends one heartbeat if the host wants them.
void offload_beat(struct offload_server *server);

// offload_note begins a notification of the application with `count` parameters, which offload_put_* then write;
// offload_note_send sends it. Nonzero: not sent, because it is too large, incomplete, or the carrier refused.
struct offload_call *offload_note(struct offload_server *server, const char *name, uint32_t count);
int offload_note_send(struct offload_call *note);

#ifdef __cplusplus
}
#endif

#endif
