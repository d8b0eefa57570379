// SPDX-License-Identifier: Apache-2.0
//
// Device addresses: arithmetic is checked here, the map of the memory by the firmware's hook.

#include "kit.h"

// An empty range touches nothing: any address will do, and this stands for the memory.
static uint8_t empty[1];

static bool fits(const struct offload_config *config, uint64_t address, uint64_t length)
{
	unsigned bits = config->address_bits ? config->address_bits : (unsigned)(8 * sizeof(void *));
	uint64_t last = address + (length - 1);

	if (last < address || length > SIZE_MAX)
		return false;
	return bits == 64 || last >> bits == 0;
}

void *offload_map(struct offload_call *c, uint64_t address, uint64_t length, unsigned access)
{
	const struct offload_config *config = c->server->config;
	void *p;

	if (c->code || c->phase == PHASE_FREE || c->phase == PHASE_ANSWERED)
		return NULL;
	if (length == 0)
		return empty;
	if (!config->memory || !fits(config, address, length)) {
		offload_set_code(c, OFFLOAD_BAD_BUFFER, "out of map");
		return NULL;
	}
	if (access & OFFLOAD_WRITE && c->range_count == OFFLOAD_RANGES) {
		offload_set_code(c, OFFLOAD_BAD_BUFFER, "more buffers to write than the firmware can remember");
		return NULL;
	}
	p = config->memory(config->user, OFFLOAD_BEGIN, address, length, access);
	if (!p) {
		offload_set_code(c, OFFLOAD_BAD_BUFFER, "out of map");
		return NULL;
	}
	if (access & OFFLOAD_WRITE) {
		c->range[c->range_count].address = address;
		c->range[c->range_count].length = length;
		c->range_count++;
	}
	return p;
}
