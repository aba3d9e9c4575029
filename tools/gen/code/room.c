/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FINI_MAX 32		/* bytes before .fini that are looked at */
#define LANDING_MAX 16
#define PADDING_MAX 256		/* a larger gap is no alignment */

/* The address at which the next thing behind the function's end begins. */
static uint64_t next_start(const struct binary *target, uint64_t end, uint64_t limit)
{
	for (size_t i = 0; i < target->symbols->count; i++) {
		const struct symbol *symbol = &target->symbols->table[i];

		if (symbol->section != SHN_UNDEF && symbol->section != SHN_ABS &&
		    symbol->type != STT_TLS && symbol->value >= end && symbol->value < limit)
			limit = symbol->value;
	}
	for (uint32_t i = 0; i < target->dwarf.n_ranges; i++)
		if (target->dwarf.ranges[i].lo >= end && target->dwarf.ranges[i].lo < limit)
			limit = target->dwarf.ranges[i].lo;
	return limit;
}

/*
 * Zeros between a section of code and .init or .fini, which are behind .text, are no code, and
 * nobody changes or traces what these two begin with.  How far they are from `end`; UINT64_MAX if
 * something else comes before them.
 */
static uint64_t gap_before_fini(const struct binary *target, uint64_t end)
{
	static const char *const names[] = { ".fini", ".init" };
	const struct gen_arch *gen = target->file.gen;
	uint8_t bytes[FINI_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		GElf_Shdr shdr;

		if (elffile_section(&target->file, names[i], &shdr) == NULL || shdr.sh_type != SHT_PROGBITS ||
		    shdr.sh_size < gen->jump_size || shdr.sh_addr < end ||
		    shdr.sh_addr - end > gen->landing_max + gen->jump_size || shdr.sh_addr - end > sizeof(bytes))
			continue;
		uint64_t gap = shdr.sh_addr - end;
		if (elffile_read(&target->file, end, bytes, (size_t)gap) && gen->padding(bytes, (size_t)gap) == gap)
			return gap;
	}
	return UINT64_MAX;
}

int measure_room(const struct binary *target, const char *name, uint64_t addr, uint64_t size,
		 struct room *room)
{
	const struct gen_arch *gen = target->file.gen;
	uint64_t lo, hi, end = addr + size;
	uint8_t padding[PADDING_MAX], first[LANDING_MAX];

	if (!elffile_code_around(&target->file, addr, &lo, &hi) || end < addr ||
	    end > hi)
		return fail(EINVAL, "%s: '%s' at 0x%" PRIx64 " is not in the file's code (is the "
			    "debug info that of another build?)", target->file.path, name,
			    addr);
	uint64_t gap = next_start(target, end, hi) - end;
	if (gap > sizeof(padding))
		gap = sizeof(padding);
	if (!elffile_read(&target->file, end, padding, (size_t)gap))
		gap = 0;
	room->size = size + gen->padding(padding, (size_t)gap);
	uint64_t skip = 0;
	if (gen->landing_max <= sizeof(first) && elffile_read(&target->file, addr, first, gen->landing_max))
		skip = gen->landing(first, gen->landing_max);
	room->needed = skip + gen->jump_size;
	if (room->size >= room->needed)
		return 0;
	gap = gap_before_fini(target, end);
	if (gap != UINT64_MAX && size + gap > skip) {
		room->size = size + gap < room->needed ? size + gap : room->needed;
		return 0;
	}
	return fail(EINVAL, "%s: '%s' is too small: %" PRIu64 " bytes with the padding "
		    "after it, the jump needs %" PRIu64 " (replace its callers instead, if "
		    "nothing has its address)", target->file.path, name, room->size,
		    room->needed);
}
