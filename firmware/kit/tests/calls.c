// SPDX-License-Identifier: Apache-2.0
//
// One answer to each request: at once, later, early, never twice.

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define HELLO "94 00 00 00 96 01 cd 01f0 40 40 1f ce 000f4240"

static struct offload_call *kept[OFFLOAD_CALLS + 1];
static unsigned keeps;

static enum offload_done keep(struct offload_call *c, void *user)
{
	(void)user;
	kept[keeps++] = c;
	return OFFLOAD_PENDING;
}

static enum offload_done early(struct offload_call *c, void *user)
{
	struct fixture *f = (struct fixture *)c->server->config->user;

	(void)user;
	offload_put_u64(c, 5);
	offload_answer(c);
	CHECK(f->sent == 1); // has left before the function ends
	offload_put_u64(c, 6);
	offload_fail(c, OFFLOAD_FAILED, "too late");
	offload_answer(c);
	return OFFLOAD_PENDING;
}

static enum offload_done two(struct offload_call *c, void *user)
{
	(void)user;
	offload_put_u64(c, 1);
	offload_put_u64(c, 2);
	return OFFLOAD_DONE;
}

static enum offload_done half(struct offload_call *c, void *user)
{
	(void)user;
	offload_put_array(c, 3);
	offload_put_u64(c, 1);
	offload_put_map(c, 1);
	offload_put_nil(c);
	return OFFLOAD_DONE;
}

static enum offload_done rich(struct offload_call *c, void *user)
{
	(void)user;
	offload_put_array(c, 12);
	offload_put_nil(c);
	offload_put_bool(c, true);
	offload_put_bool(c, false);
	offload_put_i64(c, -32);
	offload_put_i64(c, -33);
	offload_put_i64(c, -129);
	offload_put_i64(c, -32769);
	offload_put_i64(c, INT64_MIN);
	offload_put_f64(c, 1.0);
	offload_put_bytes(c, "ab", 2);
	offload_put_str(c, "abcdefghijklmnopqrstuvwxyzabcdef", 32);
	offload_put_map(c, 1);
	offload_put_u64(c, 65536);
	offload_put_u64(c, UINT64_MAX);
	return OFFLOAD_DONE;
}

static enum offload_done numbers(struct offload_call *c, void *user)
{
	uint32_t n = offload_arg_array(c), i;
	double sum = 0;

	(void)user;
	for (i = 0; i < n; i++)
		sum += offload_arg_f64(c);
	if (offload_arg_bool(c))
		sum = -sum;
	sum += (double)offload_arg_i64(c);
	if (offload_args_end(c))
		offload_put_i64(c, (int64_t)sum);
	return OFFLOAD_DONE;
}

static enum offload_done large(struct offload_call *c, void *user)
{
	static const uint8_t zeros[1000];

	(void)user;
	offload_put_bytes(c, zeros, (size_t)offload_arg_uint(c, 1000));
	return OFFLOAD_DONE;
}

static enum offload_done encoded(struct offload_call *c, void *user)
{
	struct offload_in in = offload_arg_bytes(c);

	(void)user;
	offload_put_encoded(c, in.data, in.length);
	return OFFLOAD_DONE;
}

static enum offload_done fail(struct offload_call *c, void *user)
{
	(void)user;
	offload_put_u64(c, 1); // what was written is not sent
	return offload_fail(c, 300, "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
				    "123456789\xc3\xbc");
}

static enum offload_done nested(struct offload_call *c, void *user)
{
	struct fixture *f = (struct fixture *)c->server->config->user;

	(void)user;
	CHECK(give(f, "94 00 09 10 90") == OFFLOAD_AGAIN);
	CHECK(!offload_cancelled(c));
	CHECK(give(f, "93 02 03 91 07") == 0);
	CHECK(offload_cancelled(c));
	CHECK(give(f, "c1") == 0);
	return offload_fail(c, OFFLOAD_CANCELLED, "");
}

// A pending call may be answered while another function runs, but not in the middle of its results.
static enum offload_done other(struct offload_call *c, void *user)
{
	(void)user;
	offload_put_array(c, 1);
	offload_put_u64(kept[0], 9);
	offload_answer(kept[0]);
	offload_put_u64(c, 1);
	return OFFLOAD_DONE;
}

static enum offload_done note_and_answer(struct offload_call *c, void *user)
{
	struct offload_call *n;

	(void)user;
	offload_put_array(c, 2);
	offload_put_u64(c, 1);
	n = offload_note(c->server, "note", 1);
	offload_put_u64(n, 3);
	CHECK(offload_note_send(n) == 0);
	offload_put_u64(c, 2);
	return OFFLOAD_DONE;
}

static const struct offload_method methods[] = {
	{ "keep", keep, NULL, 0 },	 // 10
	{ "early", early, NULL, 0 },	 // 11
	{ "two", two, NULL, 0 },	 // 12
	{ "half", half, NULL, 0 },	 // 13
	{ "rich", rich, NULL, 0 },	 // 14
	{ "numbers", numbers, NULL, 0 }, // 15
	{ "large", large, NULL, 0 },	 // 16
	{ "fail", fail, NULL, 0 },	 // 17
	{ "nested", nested, NULL, 0 },	 // 18
	{ "other", other, NULL, 0 },	 // 19
	{ "note", note_and_answer, NULL, 0 }, // 1a
	{ "slow", early, NULL, OFFLOAD_SLOW }, // 1b
	{ "encoded", encoded, NULL, 0 }, // 1c
};

static void begin(struct fixture *f)
{
	keeps = 0;
	setup(f, methods, sizeof methods / sizeof *methods);
}

static void test_results(void)
{
	static const char *const no_value[] = { "94 00 07 1c 91 c4 00", "94 00 07 1c 91 c4 02 0505", "94 00 07 1c 91 c4 01 91",
						"94 00 07 1c 91 c4 01 c1" };
	struct fixture f;
	size_t i;

	begin(&f);
	give(&f, "94 00 07 14 90");
	EXPECT(&f, "94 01 07 c0 9c c0 c3 c2 e0 d0 df d1 ff7f d2 ffff7fff d3 8000000000000000 cb 3ff0000000000000 c4 02 6162"
		   "d9 20 6162636465666768696a6b6c6d6e6f707172737475767778797a616263646566 81 ce 00010000 cf ffffffffffffffff");
	give(&f, "94 00 07 12 90");
	CHECK(error_code(&f) == OFFLOAD_INTERNAL);
	give(&f, "94 00 07 13 90");
	CHECK(error_code(&f) == OFFLOAD_INTERNAL);
	give(&f, "94 00 07 16 91 cd 01e9"); // 489 + 3 + 4 = 496
	CHECK(f.sent == 1 && f.payload[0].length == 496 && f.payload[0].bytes[3] == 0xc0);
	f.sent = 0;
	give(&f, "94 00 07 16 91 cd 01ea");
	CHECK(error_code(&f) == OFFLOAD_TOO_LARGE);
	give(&f, "94 00 07 16 91 cd 03e8");
	CHECK(error_code(&f) == OFFLOAD_TOO_LARGE);
	give(&f, "94 00 07 1c 91 c4 02 91 05");
	EXPECT(&f, "94 01 07 c0 91 05");
	for (i = 0; i < sizeof no_value / sizeof *no_value; i++) {
		give(&f, no_value[i]);
		CHECK(error_code(&f) == OFFLOAD_INTERNAL);
	}
	give(&f, "94 00 07 1a 90");
	EXPECT(&f, "93 02 a4 6e6f7465 91 03", "94 01 07 c0 92 01 02");
	// at most 100 bytes of the message, and no half characters
	give(&f, "94 00 07 17 90");
	CHECK(f.payload[0].length == 4 + 3 + 2 + 99 + 1 && f.payload[0].bytes[8] == 99);
	CHECK(error_code(&f) == 300);
	teardown(&f);
}

static void test_arguments(void)
{
	struct fixture f;

	begin(&f);
	give(&f, "94 00 07 15 93 93 ca 3f800000 cb 4000000000000000 03 c3 ff");
	EXPECT(&f, "94 01 07 c0 f9");
	give(&f, "94 00 07 15 93 90 c2 d3 8000000000000000");
	EXPECT(&f, "94 01 07 c0 d3 8000000000000000");
	give(&f, "94 00 07 15 93 90 c2 cf 8000000000000000");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 15 93 91 c0 c2 00");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 15 93 91 91 05 c2 00"); // an array where a number belongs
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 15 92 90 c2");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	teardown(&f);
}

static void test_pending(void)
{
	struct fixture f;
	unsigned i;
	char hex[64];

	begin(&f);
	give(&f, "94 00 07 10 90");
	give(&f, "94 00 08 10 90");
	EXPECT_NOTHING(&f);
	CHECK(offload_open_calls(&f.server) == 2);
	give(&f, "94 00 07 14 90"); // the same id again: dropped, its one answer is still to come
	give(&f, "92 00 07");
	EXPECT_NOTHING(&f);
	CHECK(f.server.stats.dropped == 2 && keeps == 2);
	offload_put_u64(kept[1], 8);
	offload_answer(kept[1]);
	EXPECT(&f, "94 01 08 c0 08");
	offload_fail(kept[0], OFFLOAD_FAILED, "no");
	offload_answer(kept[0]);
	EXPECT(&f, "94 01 07 92 08 a2 6e6f c0");
	offload_answer(kept[0]);
	EXPECT_NOTHING(&f);
	CHECK(offload_open_calls(&f.server) == 0);

	// The window: one more is refused, methods of the protocol still go.
	keeps = 0;
	for (i = 0; i < OFFLOAD_CALLS; i++) {
		snprintf(hex, sizeof hex, "94 00 %02x 10 90", 0x20 + i);
		give(&f, hex);
	}
	EXPECT_NOTHING(&f);
	give(&f, "94 00 07 14 90");
	CHECK(error_code(&f) == OFFLOAD_BUSY);
	give(&f, "94 00 07 02 91 a1 61");
	EXPECT(&f, "94 01 07 c0 a1 61");
	give(&f, "93 02 03 91 23");
	CHECK(offload_cancelled(kept[3]) && !offload_cancelled(kept[2]));
	// A new session forgets them; they end without an answer.
	give(&f, HELLO);
	f.sent = 0;
	CHECK(offload_open_calls(&f.server) == 0 && offload_cancelled(kept[2]));
	give(&f, "94 00 23 02 91 05"); // an id of the old session is free
	EXPECT(&f, "94 01 23 c0 05");
	for (i = 0; i < OFFLOAD_CALLS; i++) {
		if (i % 2)
			offload_put_u64(kept[i], i);
		else
			offload_fail(kept[i], OFFLOAD_CANCELLED, "");
		offload_answer(kept[i]);
	}
	EXPECT_NOTHING(&f);
	give(&f, "94 00 07 10 90");
	offload_answer(kept[OFFLOAD_CALLS]);
	EXPECT(&f, "94 01 07 c0 c0");
	teardown(&f);
}

static void test_turns(void)
{
	struct fixture f;

	begin(&f);
	give(&f, "94 00 01 10 90");
	give(&f, "94 00 02 19 90");
	CHECK(f.sent == 2 && f.payload[0].bytes[2] == 1 && f.payload[0].bytes[4] == OFFLOAD_INTERNAL);
	CHECK(f.payload[1].length == 6 && f.payload[1].bytes[2] == 2 && f.payload[1].bytes[5] == 1);
	f.sent = 0;
	give(&f, "94 00 07 11 90");
	EXPECT(&f, "94 01 07 c0 05");
	give(&f, "94 00 07 18 90");
	CHECK(error_code(&f) == OFFLOAD_CANCELLED);
	give(&f, HELLO);
	f.sent = 0;
	give(&f, "94 00 01 02 91 05 94 00 02 02 91 06");
	EXPECT(&f, "94 01 01 c0 05 94 01 02 c0 06");
	teardown(&f);
}

static enum offload_done slow(struct offload_call *c, void *user)
{
	struct fixture *f = (struct fixture *)c->server->config->user;

	(void)user;
	CHECK(f->sent == 1);
	return OFFLOAD_DONE;
}

static void test_slow(void)
{
	static const struct offload_method table[] = { { "slow", slow, NULL, OFFLOAD_SLOW } };
	struct fixture f;

	setup(&f, table, 1);
	give(&f, HELLO);
	f.sent = 0;
	give(&f, "94 00 01 02 91 05 94 00 02 10 90 94 00 03 02 91 06");
	EXPECT(&f, "94 01 01 c0 05", "94 01 02 c0 c0 94 01 03 c0 06");
	teardown(&f);
}

static void test_deadlines(void)
{
	static struct fixture f;
	const struct offload_method sleep[] = { { "sleep", offload_run_sleep, &f.sleepers, 0 } };

	setup(&f, sleep, 1);
	give(&f, "95 00 01 10 91 0a cd 4e20"); // sleep 10 ms, 20 ms left
	give(&f, "95 00 02 10 91 0a cd 1388"); // 5 ms left
	give(&f, "94 00 03 10 91 14");
	give(&f, "94 00 04 10 91 cd 03e8");
	CHECK(offload_wake(&f.sleepers, f.now) == 1000 + 5000);
	f.now += 5000;
	CHECK(offload_wake(&f.sleepers, f.now) == 1000 + 10000);
	CHECK(f.payload[0].bytes[2] == 2);
	CHECK(error_code(&f) == OFFLOAD_LATE);
	f.now += 5000;
	CHECK(offload_wake(&f.sleepers, f.now) == 1000 + 20000);
	EXPECT(&f, "94 01 01 c0 c0");
	give(&f, "93 02 03 91 04");
	f.now += 1;
	offload_wake(&f.sleepers, f.now);
	CHECK(f.payload[0].bytes[2] == 4);
	CHECK(error_code(&f) == OFFLOAD_CANCELLED);
	f.now += 10000;
	CHECK(offload_wake(&f.sleepers, f.now) == UINT64_MAX);
	EXPECT(&f, "94 01 03 c0 c0");
	// Those who woke are forgotten: a new one has its whole sleep.
	give(&f, "94 00 06 10 91 01");
	CHECK(offload_wake(&f.sleepers, f.now) == f.now + 1000);
	EXPECT_NOTHING(&f);
	// What waited too long in the firmware's own queue does not begin.
	{
		static const uint8_t late[] = { 0x95, 0, 5, 0x10, 0x91, 1, 100 };

		CHECK(offload_receive_at(&f.server, late, sizeof late, f.now - 100) == 0);
		CHECK(error_code(&f) == OFFLOAD_LATE);
		CHECK(offload_receive_at(&f.server, late, sizeof late, f.now - 99) == 0);
		EXPECT_NOTHING(&f);
	}
	teardown(&f);
}

static void test_hello(void)
{
	struct fixture f;

	begin(&f);
	f.server.greeted = false;
	CHECK(offload_host_clock(&f.server) == 0);
	give(&f, "94 00 07 14 90"); // nothing before hello
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 02 91 05");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, HELLO);
	EXPECT(&f, "94 01 00 c0 99 01 cd 01f0 10 01 20 1f cd 03e8 0d a4 64656d6f");
	f.now += 500;
	CHECK(offload_host_clock(&f.server) == 1000500);
	give(&f, "94 00 00 00 98 05 ce ffffffff 40 40 cf ffffffffffffffff ce 000f4240 01 c0"); // later version, more elements
	CHECK(f.sent == 1 && f.payload[0].bytes[3] == 0xc0 && f.server.mtu == 496);
	f.sent = 0;
	give(&f, "94 00 00 00 96 00 cd 01f0 40 40 00 00");
	CHECK(error_code(&f) == OFFLOAD_VERSION);
	give(&f, "94 00 00 00 95 01 cd 01f0 40 40 00");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 00 00 96 01 7f 40 40 00 00");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 00 00 96 01 cc 80 40 40 00 00");
	CHECK(f.sent == 1 && f.server.mtu == 128);
	f.sent = 0;
	// With 128 bytes the names come in parts, and an error's text is cut to what fits.
	give(&f, "94 00 01 01 91 00");
	CHECK(f.sent == 1 && f.payload[0].length <= 128 && f.payload[0].bytes[4] == 0x92 && f.payload[0].bytes[5] == 13);
	f.sent = 0;
	give(&f, "94 00 01 01 91 0a");
	EXPECT(&f, "94 01 01 c0 92 0d 93 a4 6e6f7465 a4 736c6f77 a7 656e636f646564");
	give(&f, "94 00 01 01 91 0d");
	EXPECT(&f, "94 01 01 c0 92 0d 90");
	give(&f, "94 00 01 01 91 0e");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 01 01 91 cf ffffffffffffffff");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 17 90");
	CHECK(f.payload[0].length <= 128);
	CHECK(error_code(&f) == 300);
	teardown(&f);
}

static void test_protocol_methods(void)
{
	struct fixture f;
	size_t i;

	begin(&f);
	give(&f, "94 00 07 05 90");
	EXPECT(&f, "94 01 07 c0 cd 03e8");
	give(&f, "94 00 07 a5 636c6f636b 90"); // by name
	EXPECT(&f, "94 01 07 c0 cd 03e8");
	give(&f, "94 00 07 a3 6c6f67 90");
	CHECK(error_code(&f) == OFFLOAD_UNKNOWN_METHOD);
	give(&f, "94 00 07 05 91 00");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	give(&f, "94 00 07 14");
	f.sent = 0;
	give(&f, "94 01");
	give(&f, "94 00 07 04 90"); // 3 clocks, 1 unknown, 1 invalid, this; 3 errors; 1 dropped
	EXPECT(&f, "94 01 07 c0 95 06 03 01 00 cd 03e8");
	for (i = 62; i <= 63; i++) {
		uint8_t ping[72] = { 0x94, 0, 7, 2, 0x91, 0xc4, (uint8_t)i };

		offload_receive(&f.server, ping, 7 + i);
		if (i == 62)
			CHECK(f.sent == 1 && f.payload[0].length == 4 + 64 && f.payload[0].bytes[3] == 0xc0);
		else
			CHECK(error_code(&f) == OFFLOAD_TOO_LARGE);
		f.sent = 0;
	}
	give(&f, "94 00 07 02 90");
	CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
	f.refuse_send = true;
	give(&f, "94 00 07 02 91 00");
	CHECK(f.server.stats.dropped == 2);
	teardown(&f);
}

void test_calls(void)
{
	test_results();
	test_arguments();
	test_pending();
	test_turns();
	test_slow();
	test_deadlines();
	test_hello();
	test_protocol_methods();
}
