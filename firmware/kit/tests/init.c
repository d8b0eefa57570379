// SPDX-License-Identifier: Apache-2.0
//
// What offload_init refuses.

#include "fixture.h"

void test_init(void)
{
	static const char *const names[] = { "", "abcdefghijklmnopqrstuvwxyzabcdefg" };
	struct offload_method method = { "m", demo_methods[0].run, NULL, 0 };
	struct fixture f;
	unsigned i;

	setup(&f, &method, 1);
	CHECK(offload_init(&f.server, NULL) != 0);
	for (i = 0; i < 2; i++) {
		method.name = names[i];
		CHECK(offload_init(&f.server, &f.config) != 0);
	}
	method.name = NULL;
	CHECK(offload_init(&f.server, &f.config) != 0);
	method.name = "m";
	method.run = NULL;
	CHECK(offload_init(&f.server, &f.config) != 0);
	method.run = demo_methods[0].run;
	f.config.mtu = 127;
	CHECK(offload_init(&f.server, &f.config) != 0);
	f.config.mtu = OFFLOAD_MTU + 1;
	CHECK(offload_init(&f.server, &f.config) != 0);
	f.config.mtu = 0;
	f.config.address_bits = 65;
	CHECK(offload_init(&f.server, &f.config) != 0);
	f.config.address_bits = 0;
	f.config.methods = NULL;
	CHECK(offload_init(&f.server, &f.config) != 0);
	f.config.method_count = 0;
	CHECK(offload_init(&f.server, &f.config) == 0);
	f.config.send = NULL;
	CHECK(offload_init(&f.server, &f.config) != 0);
	teardown(&f);
}
