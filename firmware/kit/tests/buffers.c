// SPDX-License-Identifier: Apache-2.0
//
// Ranges: only what the map, the direction and the arithmetic allow, cleaned before the answer.

#include "fixture.h"

#include <stdio.h>
#include <string.h>

static struct offload_call *pending;

static enum offload_done inout(struct offload_call *c, void *user)
{
	struct offload_out b = offload_arg_inout(c);

	(void)user;
	if (offload_args_end(c))
		offload_put_u64(c, b.length);
	return OFFLOAD_DONE;
}

static enum offload_done many(struct offload_call *c, void *user)
{
	(void)user;
	while (offload_args_left(c))
		offload_arg_out(c);
	return OFFLOAD_DONE;
}

static enum offload_done later(struct offload_call *c, void *user)
{
	struct offload_out b = offload_arg_out(c);

	(void)user;
	if (!offload_args_end(c))
		return OFFLOAD_DONE;
	b.data[0] = 1;
	pending = c;
	return OFFLOAD_PENDING;
}

static const struct offload_method methods[] = {
	{ "sum", offload_run_sum, NULL, 0 },   // 10
	{ "fill", offload_run_fill, NULL, 0 }, // 11
	{ "inout", inout, NULL, 0 },	       // 12
	{ "many", many, NULL, 0 },	       // 13
	{ "later", later, NULL, 0 },	       // 14
	{ "poke", offload_run_poke, NULL, 0 }, // 15
	{ "peek", offload_run_peek, NULL, 0 }, // 16
	{ "copy", offload_run_copy, NULL, 0 }, // 17
};

struct buffer_case {
	const char *payload, *answer; // NULL: error of code
	uint32_t code;
	unsigned begun;
};

static const struct buffer_case cases[] = {
	{ "94 00 07 10 91 c7 09 01 01 00010000 00000004", "94 01 07 c0 06", 0, 1 },
	{ "94 00 07 10 91 c7 09 01 03 00010000 00000004", "94 01 07 c0 06", 0, 1 },
	{ "94 00 07 10 91 c7 11 01 05 0000000000010000 0000000000000004", "94 01 07 c0 06", 0, 1 },
	{ "94 00 07 10 91 c8 0009 01 01 00010000 00000004", "94 01 07 c0 06", 0, 1 },
	{ "94 00 07 10 91 c7 09 01 01 00010000 00001000", "94 01 07 c0 06", 0, 1 },
	{ "94 00 07 10 91 c7 09 01 01 00010000 00001001", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 09 01 01 0000ffff 00000004", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 09 01 01 ffffffff 00000001", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 09 01 01 00000000 ffffffff", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 09 01 02 00010000 00000004", NULL, OFFLOAD_BAD_BUFFER, 0 }, // wrong direction
	{ "94 00 07 11 92 c7 09 01 01 00010000 00000004 00", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 12 91 c7 09 01 01 00010000 00000004", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 12 91 c7 09 01 02 00010000 00000004", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 12 91 c7 09 01 03 00010000 00000004", "94 01 07 c0 04", 0, 1 },
	{ "94 00 07 12 91 c4 00", NULL, OFFLOAD_BAD_ARGUMENTS, 0 }, // bytes cannot be written
	// beyond the 32 bits of this core, also where the low half would lie in the map
	{ "94 00 07 10 91 c7 11 01 05 0000000100010000 0000000000000004", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 11 01 05 0000000000010000 0000000100000004", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 10 91 c7 11 01 05 ffffffffffffffff 0000000000000001", NULL, OFFLOAD_BAD_BUFFER, 0 },
	// an empty range touches nothing, wherever it is
	{ "94 00 07 10 91 c7 09 01 01 ffffffff 00000000", "94 01 07 c0 00", 0, 0 },
	{ "94 00 07 11 92 c7 11 01 06 ffffffffffffffff 0000000000000000 05", "94 01 07 c0 00", 0, 0 },
	// wrong arguments weigh more than wrong buffers, in whatever order they come
	{ "94 00 07 11 92 c7 09 01 02 ffffff00 00000004 cd 0100", NULL, OFFLOAD_BAD_ARGUMENTS, 0 },
	{ "94 00 07 11 93 c7 09 01 02 ffffff00 00000004 00 00", NULL, OFFLOAD_BAD_ARGUMENTS, 0 },
	{ "94 00 07 16 91 ce 00010000", "94 01 07 c0 ce 00030201", 0, 1 },
	{ "94 00 07 16 91 ce 00010001", NULL, OFFLOAD_BAD_ARGUMENTS, 0 },
	{ "94 00 07 16 91 ce 00011000", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 16 91 cf 0000000100010000", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 15 93 ce 00010ff8 ce ffffffff 02", "94 01 07 c0 02", 0, 1 },
	{ "94 00 07 15 93 ce 00010ff8 ce ffffffff 03", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 15 93 ce 00010000 00 cf 4000000000000001", NULL, OFFLOAD_BAD_BUFFER, 0 },
	{ "94 00 07 15 93 ce 00010000 cf 0000000100000000 01", NULL, OFFLOAD_BAD_ARGUMENTS, 0 },
	{ "94 00 07 15 93 cf fffffffffffffffc 00 02", NULL, OFFLOAD_BAD_BUFFER, 0 }, // wraps to 0
	{ "94 00 07 15 93 00 00 00", "94 01 07 c0 00", 0, 0 },
	{ "94 00 07 17 92 c7 09 01 02 00010800 00000002 c4 03 0a0b0c", "94 01 07 c0 02", 0, 1 },
};

static void buffer_case(const struct buffer_case *c)
{
	unsigned before = failures;
	struct fixture f;

	setup(&f, methods, sizeof methods / sizeof *methods);
	memcpy(f.memory, "\1\2\3\0", 4);
	give(&f, c->payload);
	if (c->answer)
		EXPECT(&f, c->answer);
	else
		CHECK(error_code(&f) == c->code);
	CHECK(f.begun == c->begun);
	if (failures != before)
		fprintf(stderr, "  in case: %s\n", c->payload);
	teardown(&f);
}

static void test_cleaning(void)
{
	struct fixture f;

	setup(&f, methods, sizeof methods / sizeof *methods);
	give(&f, "94 00 07 11 92 c7 09 01 02 00010010 00000020 cc a5");
	EXPECT(&f, "94 01 07 c0 20");
	CHECK(f.begun == 1 && f.ended == 1);
	CHECK(f.memory[0x0f] == 0 && f.memory[0x10] == 0xa5 && f.memory[0x2f] == 0xa5 && f.memory[0x30] == 0);
	// reading needs no cleaning
	give(&f, "94 00 07 10 91 c7 09 01 03 00010000 00000004");
	CHECK(f.begun == 2 && f.ended == 1);
	// a range that was given out before a later one was refused is cleaned as well
	give(&f, "94 00 08 13 92 c7 09 01 02 00010000 00000004 c7 09 01 02 00000000 00000004");
	CHECK(f.begun == 3 && f.ended == 2);
	f.sent = 0;
	// a pending call keeps its buffers until it answers
	give(&f, "94 00 07 14 91 c7 09 01 02 00010100 00000004");
	CHECK(f.begun == 4 && f.ended == 2);
	EXPECT_NOTHING(&f);
	offload_answer(pending);
	CHECK(f.ended == 3);
	EXPECT(&f, "94 01 07 c0 c0");
	teardown(&f);
}

static void test_limits(void)
{
	struct fixture f;

	setup(&f, methods, sizeof methods / sizeof *methods);
	give(&f, "94 00 07 13 94 c7 09 01 02 00010000 00000004 c7 09 01 02 00010000 00000004"
		 "c7 09 01 02 00010000 00000004 c7 09 01 02 00010000 00000004");
	EXPECT(&f, "94 01 07 c0 c0");
	give(&f, "94 00 07 13 95 c7 09 01 02 00010000 00000004 c7 09 01 02 00010000 00000004"
		 "c7 09 01 02 00010000 00000004 c7 09 01 02 00010000 00000004 c7 09 01 02 00010000 00000004");
	CHECK(error_code(&f) == OFFLOAD_BAD_BUFFER);
	CHECK(f.begun == 8 && f.ended == 8);
	// 64 bits: everything up to the last byte goes to the hook, and nothing wraps
	f.config.address_bits = 64;
	give(&f, "94 00 07 10 91 c7 11 01 05 ffffffffffffffff 0000000000000001");
	CHECK(error_code(&f) == OFFLOAD_BAD_BUFFER);
	f.config.address_bits = 16;
	give(&f, "94 00 07 10 91 c7 09 01 01 00010000 00000004");
	CHECK(error_code(&f) == OFFLOAD_BAD_BUFFER);
	f.config.address_bits = 17;
	give(&f, "94 00 07 10 91 c7 09 01 01 00010000 00000004");
	EXPECT(&f, "94 01 07 c0 00");
	f.config.memory = NULL;
	give(&f, "94 00 07 10 91 c7 09 01 01 00010000 00000004");
	CHECK(error_code(&f) == OFFLOAD_BAD_BUFFER);
	teardown(&f);
}

void test_buffers(void)
{
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		buffer_case(&cases[i]);
	test_cleaning();
	test_limits();
}
