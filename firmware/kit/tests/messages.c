// SPDX-License-Identifier: Apache-2.0
//
// What is a message, and what is done about everything else.

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message_case {
	const char *name, *payload;
	uint32_t code;	  // of the one error answer; 0: none
	unsigned dropped; // messages
};

static const struct message_case invalid[] = {
	{ "empty payload", "", 0, 1 },
	{ "number", "05", 0, 1 },
	{ "empty array", "90", 0, 1 },
	{ "map", "80", 0, 1 },
	{ "byte c1", "c1", 0, 1 },
	{ "unknown type", "94 03 07 12 90", 0, 1 },
	{ "negative type", "94 ff 07 12 90", 0, 1 },
	{ "type is text", "94 a1 30 07 12 90", 0, 1 },
	{ "no id", "91 00", 0, 1 },
	{ "id negative", "94 00 ff 12 90", 0, 1 },
	{ "id text", "94 00 a1 37 12 90", 0, 1 },
	{ "id of 33 bits", "94 00 cf 0000000100000000 12 90", 0, 1 },
	{ "id cut off", "94 00 ce 0000", 0, 1 },
	{ "only an id", "92 00 07", 2, 0 },
	{ "id, then cut off", "94 00 07", 2, 0 },
	{ "too few elements", "93 00 07 12", 2, 0 },
	{ "too many elements", "96 00 07 12 90 00 00", 2, 0 },
	{ "method nil", "94 00 07 c0 90", 2, 0 },
	{ "method negative", "94 00 07 ff 90", 2, 0 },
	{ "method of 33 bits", "94 00 07 cf 0000000100000000 90", 2, 0 },
	{ "method without a name", "94 00 07 a0 90", 2, 0 },
	{ "method of 33 bytes", "94 00 07 d9 21 616161616161616161616161616161616161616161616161616161616161616161 90", 2, 0 },
	{ "params nil", "94 00 07 12 c0", 2, 0 },
	{ "params a map", "94 00 07 12 80", 2, 0 },
	{ "params cut off", "94 00 07 12 91", 2, 0 },
	{ "huge params", "94 00 07 12 dd ffffffff", 2, 0 },
	{ "huge map", "94 00 07 12 91 df ffffffff", 2, 0 },
	{ "timeout nil", "95 00 07 12 91 c400 c0", 2, 0 },
	{ "timeout of 33 bits", "95 00 07 12 91 c400 cf 0000000100000000", 2, 0 },
	{ "map of 2^31", "94 00 07 10 91 df 80000000", 2, 0 },
	{ "byte string too long", "94 00 07 12 91 c4 05 0102", 2, 0 },
	{ "huge byte string", "94 00 07 12 91 c6 ffffffff 0102", 2, 0 },
	{ "huge extension", "94 00 07 12 91 c9 ffffffff 01 02", 2, 0 },
	{ "c1 inside", "94 00 07 12 91 c1", 2, 0 },
	{ "nine levels", "94 00 07 10 91 91 91 91 91 91 91 91 00", 2, 0 },
	{ "nine levels, empty", "94 00 07 10 91 91 91 91 91 91 91 90", 2, 0 },
	{ "nine levels of maps", "94 00 07 10 91 81 00 81 00 81 00 81 00 81 00 81 00 81 00 00", 2, 0 },
	{ "buffer without direction", "94 00 07 10 91 c7 09 01 00 00010000 00000004", 2, 0 },
	{ "buffer with unknown flag", "94 00 07 10 91 c7 09 01 09 00010000 00000004", 2, 0 },
	{ "short buffer of wide size", "94 00 07 10 91 c7 11 01 01 0000000000010000 0000000000000004", 2, 0 },
	{ "wide buffer of short size", "94 00 07 10 91 c7 09 01 05 00010000 00000004", 2, 0 },
	{ "buffer of no size", "94 00 07 10 91 c7 00 01", 2, 0 },
	{ "short buffer wraps", "94 00 07 10 91 c7 09 01 01 ffffffff 00000002", 2, 0 },
	{ "wide buffer wraps", "94 00 07 10 91 c7 11 01 05 ffffffffffffffff 0000000000000002", 2, 0 },
	{ "rubbish behind", "94 00 07 10 91 00 05", 2, 1 },
	{ "message behind is cut off", "94 00 07 10 91 00 94", 2, 1 },
	{ "response", "94 01 07 c0 06", 0, 1 },
	{ "response of three", "93 01 07 c0", 0, 1 },
	{ "notification of two", "92 02 a1 61", 0, 1 },
	{ "unknown notification", "93 02 06 90", 0, 1 },
	{ "cancel without id", "93 02 03 90", 0, 1 },
	{ "cancel with two", "93 02 03 92 01 02", 0, 1 },
	{ "cancel of text", "93 02 03 91 a1 61", 0, 1 },
	{ "unknown method by number", "94 00 07 13 90", 1, 0 },
	{ "unknown method, largest", "94 00 07 ce ffffffff 90", 1, 0 },
	{ "unknown method by name", "94 00 07 a4 6e6f6e65 90", 1, 0 },
	{ "start of a name", "94 00 07 a2 7375 91 c400", 1, 0 },
	{ "reserved method", "94 00 07 08 90", 1, 0 },
	{ "cancel as a request", "94 00 07 03 91 01", 1, 0 },
	{ "too few arguments", "94 00 07 12 90", 2, 0 },
	{ "too many arguments", "94 00 07 12 92 c400 00", 2, 0 },
	{ "wrong argument", "94 00 07 12 91 00", 2, 0 },
	{ "argument is another extension", "94 00 07 12 91 d4 02 00", 2, 0 },
};

static void message_case(const struct message_case *c)
{
	struct fixture f;
	unsigned before = failures;

	setup(&f, demo_methods, 3);
	CHECK(give(&f, c->payload) == 0);
	CHECK(f.server.stats.dropped == c->dropped);
	CHECK(error_code(&f) == c->code);
	// and the server still works
	give(&f, "94 00 07 12 91 c4 03 010203");
	EXPECT(&f, "94 01 07 c0 06");
	CHECK(offload_open_calls(&f.server) == 0);
	if (failures != before)
		fprintf(stderr, "  in case: %s\n", c->name);
	teardown(&f);
}

static void test_widths(void)
{
	static const char *const same[] = {
		"94 00 07 12 91 c4 03 010203",
		"dc 0004 00 07 12 91 c4 03 010203",
		"dd 00000004 cc 00 cc 07 cc 12 dc 0001 c5 0003 010203",
		"94 d0 00 d1 0007 d2 00000012 dd 00000001 c6 00000003 010203",
		"94 cf 0000000000000000 d3 0000000000000007 cf 0000000000000012 91 c4 03 010203",
		"94 ce 00000000 cd 0007 d9 03 73756d 91 c4 03 010203",
		"94 00 07 da 0003 73756d 91 c4 03 010203",
		"94 00 07 db 00000003 73756d 91 c4 03 010203",
		"95 00 07 12 91 c4 03 010203 00",
		"95 00 07 12 91 c4 03 010203 cd 0001",
	};
	struct fixture f;
	size_t i;

	setup(&f, demo_methods, 3);
	for (i = 0; i < sizeof same / sizeof *same; i++) {
		give(&f, same[i]);
		EXPECT(&f, "94 01 07 c0 06");
	}
	teardown(&f);
}

static void test_echo(void)
{
	static const char *const values[] = {
		"00", "7f", "e0", "ff", "c0", "c2", "c3", "cc 80", "cd 0100", "ce 00010000", "cf 0000000100000000", "d0 80",
		"d1 8000", "d2 80000000", "d3 8000000000000000", "ca 3f800000", "cb 3ff0000000000000", "a0", "a3 616263",
		"d9 01 61", "da 0001 61", "db 00000001 61", "c4 00", "c4 01 00", "c5 0001 00", "c6 00000001 00", "90", "80",
		"93 01 02 03", "82 01 02 a1 61 90", "dc 0002 00 01", "dd 00000001 00", "de 0001 00 01", "df 00000001 00 01",
		"d4 05 00", "d5 05 0000", "d6 05 00000000", "d7 05 0000000000000000",
		"d8 05 00000000000000000000000000000000", "c7 03 05 000000", "c8 0003 05 000000", "c9 00000003 05 000000",
		"c7 09 01 01 00010000 00000004", "91 91 91 91 91 91 00", "91 91 91 91 91 90",
	};
	char payload[200], answer[200];
	struct fixture f;
	size_t i;

	setup(&f, demo_methods, 3);
	for (i = 0; i < sizeof values / sizeof *values; i++) {
		snprintf(payload, sizeof payload, "94 00 07 10 91 %s", values[i]);
		snprintf(answer, sizeof answer, "94 01 07 c0 %s", values[i]);
		give(&f, payload);
		EXPECT(&f, answer);
	}
	teardown(&f);
}

// Every payload cut at every byte: no reading behind its end (the sanitizer looks), no answer but errors.
static void test_truncation(void)
{
	static const char whole[] = "95 00 07 10 91 86 a1 61 01 02 c4 02 0102 c7 09 01 01 00010000 00000004 d3 8000000000000000 93 c0 c3 cb "
				    "3ff0000000000000 05 de 0001 db 00000001 61 c9 00000003 05 000000 c3 dc 0001 ce 00010000 00 cd 1000";
	size_t length, n;
	uint8_t *bytes = unhex(whole, &length), *cut;
	struct fixture f;

	setup(&f, demo_methods, 3);
	for (n = 0; n <= length; n++) {
		cut = malloc(n ? n : 1);
		memcpy(cut, bytes, n);
		offload_receive(&f.server, cut, n);
		free(cut);
		if (n == length) {
			CHECK(f.sent == 1 && f.payload[0].bytes[3] == 0xc0);
		} else if (n >= 3) {
			CHECK(error_code(&f) == OFFLOAD_BAD_ARGUMENTS);
		} else {
			CHECK(f.sent == 0);
		}
	}
	free(bytes);
	teardown(&f);
}

static void test_batch(void)
{
	struct fixture f;

	setup(&f, demo_methods, 3);
	// Before hello the host has not said that it understands several messages in a payload.
	give(&f, "94 00 01 10 91 05 94 00 02 10 91 06");
	EXPECT(&f, "94 01 01 c0 05", "94 01 02 c0 06");
	f.server.features = OFFLOAD_FEATURE_BATCH;
	give(&f, "94 00 01 10 91 05 94 00 02 10 91 06 93 02 03 91 09 94 00 03 10 91 07");
	EXPECT(&f, "94 01 01 c0 05 94 01 02 c0 06 94 01 03 c0 07");
	// One bad message spoils the payload: nothing runs, each that has an id is told.
	give(&f, "94 00 01 10 91 05 93 00 02 10 94 00 03 10 91 07");
	CHECK(f.sent == 3 && f.payload[0].bytes[4] == 2 && f.payload[1].bytes[2] == 2 && f.payload[2].bytes[2] == 3);
	f.sent = 0;
	// Levels beyond the allowed are followed to their end: the second id can be read.
	give(&f, "94 00 01 10 91 91 91 91 91 91 91 91 91 92 00 00 94 00 02 10 91 06");
	CHECK(f.sent == 2 && f.payload[0].bytes[2] == 1 && f.payload[1].bytes[2] == 2);
	teardown(&f);
}

// Answers that do not fit together go in several payloads, in order, each as full as it can be.
static void test_batch_overflow(void)
{
	enum { EACH = 100 };
	uint8_t payload[OFFLOAD_MTU];
	struct fixture f;
	size_t n = 0;
	unsigned i;

	setup(&f, demo_methods, 3);
	give(&f, "94 00 00 00 96 01 cd 0100 40 40 1f 00");
	f.sent = 0;
	for (i = 0; i < 4; i++) {
		static const uint8_t head[] = { 0x94, 0, 0, 0x10, 0x91, 0xc4, EACH };

		memcpy(payload + n, head, sizeof head);
		payload[n + 2] = (uint8_t)i;
		memset(payload + n + sizeof head, (int)i, EACH);
		n += sizeof head + EACH;
	}
	offload_receive(&f.server, payload, n);
	CHECK(f.sent == 2 && f.payload[0].length == 2 * (6 + EACH) && f.payload[1].length == 2 * (6 + EACH));
	CHECK(f.payload[1].bytes[2] == 2 && f.payload[1].bytes[106 + 2] == 3);
	// A hello behind answers that wait: they leave by the old rules, here with more bytes than the new ones allow.
	f.sent = 0;
	n = 2 * (7 + EACH);
	{
		static const uint8_t hello[] = { 0x94, 0, 9, 0, 0x96, 1, 0xcc, 128, 0x40, 0x40, 0x1f, 0 };

		memcpy(payload + n, hello, sizeof hello);
		offload_receive(&f.server, payload, n + sizeof hello);
	}
	CHECK(f.sent == 2 && f.payload[0].length == 2 * (6 + EACH) && f.payload[1].bytes[2] == 9);
	teardown(&f);
}

static void test_too_long(void)
{
	uint8_t payload[OFFLOAD_MTU] = { 0x94, 0, 7, 0x10, 0x91, 0xc4 };
	struct fixture f;
	unsigned n;

	setup(&f, demo_methods, 3);
	f.config.mtu = 128;
	restart(&f);
	for (n = 127; n <= 129; n++) {
		payload[6] = (uint8_t)(n - 7);
		offload_receive(&f.server, payload, n);
		CHECK(error_code(&f) == (n > 128 ? OFFLOAD_BAD_ARGUMENTS : 0));
	}
	teardown(&f);
}

void test_messages(void)
{
	size_t i;

	for (i = 0; i < sizeof invalid / sizeof *invalid; i++)
		message_case(&invalid[i]);
	test_widths();
	test_echo();
	test_truncation();
	test_batch();
	test_batch_overflow();
	test_too_long();
}
