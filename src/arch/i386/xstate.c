/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xstate.h"

#include <cpuid.h>
#include <string.h>

#define LEGACY_SIZE 576u		/* FXSAVE area and XSAVE header */
#define SOFTWARE_BYTES 464u
#define XSTATE_BV 512u
#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
#define X87_AND_SSE 3u

/* End of the highest component that is in use: CPUID 0xD says where each lies. */
static uint32_t used_size(uint64_t in_use)
{
	uint32_t end = LEGACY_SIZE;

	for (unsigned i = 2; i < 63; i++) {
		unsigned size, offset, flags, reserved;

		if (!(in_use & (1ull << i)) ||
		    !__get_cpuid_count(0xd, i, &size, &offset, &flags, &reserved))
			continue;
		if (offset + size > end)
			end = offset + size;
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
	if (end > size || end + XSTATE_MAGIC2_SIZE > room)
		return 0;
	software.features = in_use | X87_AND_SSE;
	software.size = end;
	software.extended_size = end + XSTATE_MAGIC2_SIZE + extra;
	memcpy(xstate + SOFTWARE_BYTES, &software, sizeof(software));
	memcpy(xstate + end, &magic2, sizeof(magic2));
	return end + XSTATE_MAGIC2_SIZE;
}
