/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xstate.h"

#include <cpuid.h>
#include <string.h>

#define LEGACY_SIZE 576u		/* of the FXSAVE area and the XSAVE header */
#define SOFTWARE_BYTES 464u
#define XSTATE_BV 512u
#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
#define X87_AND_SSE 3u
#define COMPONENTS 63u

/* The offset at which each component ends; 0 as long as it is not known. */
static uint32_t component_end[COMPONENTS];

/* Subleaf 0 of CPUID leaf 0xD names the components; subleaf i tells the size and offset of number i. */
void xstate_learn(void)
{
	unsigned low, high, size, offset, flags, reserved;

	if (component_end[0] != 0 || __get_cpuid_max(0, NULL) < 0xd)
		return;
	component_end[0] = component_end[1] = LEGACY_SIZE;
	__cpuid_count(0xd, 0, low, size, offset, high);
	for (unsigned i = 2; i < COMPONENTS; i++) {
		if (!((low | (uint64_t)high << 32) >> i & 1))
			continue;
		__cpuid_count(0xd, i, size, offset, flags, reserved);
		component_end[i] = offset + size;
	}
}

/* The end of the highest component that is in use; 0 if a component in use is not known. */
static uint32_t used_size(uint64_t in_use)
{
	uint32_t end = LEGACY_SIZE;

	xstate_learn();
	for (unsigned i = 0; i < 64; i++) {
		if (!(in_use >> i & 1))
			continue;
		if (i >= COMPONENTS || component_end[i] == 0)
			return 0;
		if (component_end[i] > end)
			end = component_end[i];
	}
	return end;
}

size_t xstate_prepare(uint8_t *xstate, size_t size, size_t room, uint32_t extra)
{
	const uint32_t magic2 = MAGIC2;
	uint64_t in_use;
	uint32_t end;
	struct {
		uint32_t magic1, extended_size;
		uint64_t features;
		uint32_t size, padding[7];
	} software = { .magic1 = MAGIC1 };

	if (size < LEGACY_SIZE)
		return 0;
	memcpy(&in_use, xstate + XSTATE_BV, sizeof(in_use));
	end = used_size(in_use);
	if (end == 0 || end > size || end + XSTATE_MAGIC2_SIZE > room)
		return 0;
	software.features = in_use | X87_AND_SSE;
	software.size = end;
	software.extended_size = end + XSTATE_MAGIC2_SIZE + extra;
	memcpy(xstate + SOFTWARE_BYTES, &software, sizeof(software));
	memcpy(xstate + end, &magic2, sizeof(magic2));
	return end + XSTATE_MAGIC2_SIZE;
}
