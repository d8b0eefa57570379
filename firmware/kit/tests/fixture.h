// SPDX-License-Identifier: Apache-2.0
//
// A server whose carrier, memory and clock are variables, and messages as hexadecimal text.

#ifndef OFFLOAD_FIXTURE_H
#define OFFLOAD_FIXTURE_H

#include "offload_functions.h"
#include "offload_kit.h"

enum { MEMORY = 0x10000, MEMORY_SIZE = 4096, SENT = 64 };

struct fixture {
	struct offload_config config;
	struct offload_server server;
	struct offload_sleepers sleepers;
	uint64_t now;
	uint8_t *memory; // MEMORY_SIZE bytes at device address MEMORY, of which the sanitizer knows the end
	unsigned begun, ended;
	bool refuse_send;
	unsigned sent;
	struct {
		size_t length;
		uint8_t bytes[OFFLOAD_MTU];
	} payload[SENT];
};

extern unsigned failures;
extern const struct offload_method demo_methods[3]; // echo, crc32c, sum: the table of docs/protocol.md

void setup(struct fixture *f, const struct offload_method *methods, size_t count);
void teardown(struct fixture *f);
void restart(struct fixture *f); // as after a first hello

// unhex reads hexadecimal text, ignoring spaces; the bytes are the caller's to free.
uint8_t *unhex(const char *text, size_t *length);

// give hands one payload to the server, in memory that ends where the payload ends.
int give(struct fixture *f, const char *hex);

// expect checks that exactly these payloads were sent since the last time, and forgets them; NULL ends the list.
void expect_at(const char *file, int line, struct fixture *f, const char *const *hex);
#define EXPECT(f, ...) expect_at(__FILE__, __LINE__, f, (const char *const[]){ __VA_ARGS__, NULL })
#define EXPECT_NOTHING(f) expect_at(__FILE__, __LINE__, f, (const char *const[]){ NULL })

void check_at(const char *file, int line, bool good, const char *what);
#define CHECK(what) check_at(__FILE__, __LINE__, what, #what)

// error_code is the code of a single error answer that was sent, 0 if it was none, and forgets it.
uint32_t error_code(struct fixture *f);

void test_messages(void);
void test_calls(void);
void test_init(void);
void test_buffers(void);
void test_notes(void);
void test_functions(void);
void test_vectors(const char *protocol);

#endif
