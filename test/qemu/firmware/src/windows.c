// SPDX-License-Identifier: Apache-2.0

#include "windows.h"

#include <stddef.h>

#include "core.h"

static const struct {
	uint64_t bus, size, device;
} windows[] = {
#define WINDOW(name, bus, size, device) { bus, size, device },
	CORE_WINDOWS(WINDOW)
};

void *windows_find(uint64_t address, uint64_t length)
{
	size_t i;

	for (i = 0; i < sizeof windows / sizeof *windows; i++)
		if (address >= windows[i].device && length <= windows[i].size &&
		    address - windows[i].device <= windows[i].size - length)
			return (void *)(uintptr_t)(windows[i].bus + (address - windows[i].device));
	return NULL;
}
