// SPDX-License-Identifier: Apache-2.0
//
// Notifications in both directions.

#include "fixture.h"

#include <string.h>

static unsigned heard;
static int64_t value;

static void notice(void *user, const char *name, size_t length, struct offload_call *c)
{
	struct fixture *f = user;

	CHECK(length == 5 && memcmp(name, "level", 5) == 0);
	value = offload_arg_i64(c);
	if (offload_args_end(c))
		heard++;
	offload_put_u64(c, 1); // nobody wants a result
	offload_answer(c);
	CHECK(!offload_map(c, MEMORY, 4, OFFLOAD_READ));
	CHECK(give(f, "93 02 a5 6c6576656c 91 05") == 0); // a notice in a notice is dropped
}

static void hello(struct fixture *f, const char *hex)
{
	give(f, hex);
	f->sent = 0;
}

static void test_log(void)
{
	static const char umlauts[] = "\xc3\xbc";
	char text[300];
	struct fixture f;
	unsigned i;

	setup(&f, demo_methods, 3);
	offload_log(&f.server, OFFLOAD_INFO, "x", 1); // nobody has asked yet
	offload_beat(&f.server);
	hello(&f, "94 00 00 00 96 01 cd 01f0 40 40 07 00");
	offload_log(&f.server, OFFLOAD_INFO, "x", 1); // the host does not want any
	offload_beat(&f.server);
	EXPECT_NOTHING(&f);
	hello(&f, "94 00 00 00 96 01 cd 01f0 40 40 1f 00");
	offload_log(&f.server, OFFLOAD_WARNING, "hot\r\n", 5);
	offload_log(&f.server, OFFLOAD_DEBUG, "a\nb\x7f", 4);
	offload_log(&f.server, (enum offload_level)9, "", 0);
	EXPECT(&f, "93 02 06 92 02 a3 686f74", "93 02 06 92 00 a4 61206220", "93 02 06 92 03 a0");
	for (i = 0; i < 150; i++)
		memcpy(text + 2 * i, umlauts, 2);
	offload_log(&f.server, OFFLOAD_INFO, text + 1, 299); // ends in the middle of a character
	CHECK(f.sent == 1 && f.payload[0].bytes[5] == 0xd9 && f.payload[0].bytes[6] == 199);
	f.sent = 0;
	f.now = 70000;
	offload_beat(&f.server);
	offload_beat(&f.server);
	EXPECT(&f, "93 02 07 93 01 ce 00011170 00", "93 02 07 93 02 ce 00011170 00");
	f.config.features = 0;
	offload_beat(&f.server);
	offload_log(&f.server, OFFLOAD_INFO, "x", 1);
	EXPECT_NOTHING(&f);
	teardown(&f);
}

static void test_application(void)
{
	static const uint8_t zeros[OFFLOAD_MTU];
	struct offload_call *n;
	struct fixture f;

	setup(&f, demo_methods, 3);
	n = offload_note(&f.server, "level", 2);
	offload_put_i64(n, -7);
	offload_put_str(n, "x", 1);
	CHECK(offload_note_send(n) == 0);
	EXPECT(&f, "93 02 a5 6c6576656c 92 f9 a1 78");
	CHECK(offload_note_send(n) != 0); // once
	CHECK(offload_note_send(offload_note(&f.server, "none", 0)) == 0);
	EXPECT(&f, "93 02 a4 6e6f6e65 90");
	CHECK(offload_note_send(offload_note(&f.server, "", 0)) != 0);
	CHECK(offload_note_send(offload_note(&f.server, "abcdefghijklmnopqrstuvwxyzabcdefg", 0)) != 0);
	n = offload_note(&f.server, "short", 2);
	offload_put_nil(n);
	CHECK(offload_note_send(n) != 0);
	n = offload_note(&f.server, "long", 1);
	offload_put_nil(n);
	offload_put_nil(n);
	CHECK(offload_note_send(n) != 0);
	n = offload_note(&f.server, "large", 1);
	offload_put_bytes(n, zeros, sizeof zeros);
	CHECK(offload_note_send(n) != 0);
	f.refuse_send = true;
	CHECK(offload_note_send(offload_note(&f.server, "none", 0)) != 0);
	EXPECT_NOTHING(&f);
	teardown(&f);
}

static void test_notice(void)
{
	struct fixture f;

	setup(&f, demo_methods, 3);
	give(&f, "93 02 a5 6c6576656c 91 05");
	CHECK(f.server.stats.dropped == 1 && heard == 0);
	f.config.notice = notice;
	give(&f, "93 02 a5 6c6576656c 91 fb");
	CHECK(heard == 1 && value == -5);
	give(&f, "93 02 a5 6c6576656c 90");
	CHECK(heard == 1);
	EXPECT_NOTHING(&f);
	teardown(&f);
}

void test_notes(void)
{
	test_log();
	test_application();
	test_notice();
}
