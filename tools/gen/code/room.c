/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define JUMP_SIZE 5		/* e9 rel32 */
#define ENDBR_SIZE 4
#define PADDING_MAX 256		/* a larger gap is no alignment */

/*
 * Assemblers and linkers fill gaps with single bytes, and with the nop of several bytes, 0f 1f
 * /0, which may have operand size and segment prefixes.  On i386 they also take moves and lea
 * of a register to itself (binutils gas, config/tc-i386.c).
 */
static const struct { uint8_t size; uint8_t bytes[8]; } fills[] = {
	{ 1, { 0x90 } }, { 1, { 0xcc } }, { 1, { 0x00 } },
	{ 3, { 0x0f, 0x1f, 0x00 } }, { 4, { 0x0f, 0x1f, 0x40, 0x00 } },
	{ 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } }, { 7, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 } },
	{ 8, { 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0 } },
	{ 2, { 0x89, 0xf6 } }, { 3, { 0x8d, 0x76, 0x00 } }, { 4, { 0x8d, 0x74, 0x26, 0x00 } },
	{ 6, { 0x8d, 0xb6, 0, 0, 0, 0 } }, { 7, { 0x8d, 0xb4, 0x26, 0, 0, 0, 0 } },
	{ 7, { 0x8d, 0xbc, 0x27, 0, 0, 0, 0 } },
};

static size_t fill_size(const uint8_t *code, size_t size)
{
	size_t prefixes = 0;

	while (prefixes < size && prefixes < 12 &&
	       (code[prefixes] == 0x66 || code[prefixes] == 0x2e))
		prefixes++;
	code += prefixes;
	size -= prefixes;
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++)
		if (fills[i].size <= size && memcmp(code, fills[i].bytes, fills[i].size) == 0)
			return prefixes + fills[i].size;
	return 0;
}

static size_t fills_size(const uint8_t *code, size_t size)
{
	size_t at = 0, one;

	while (at < size && (one = fill_size(code + at, size - at)) != 0)
		at += one;
	return at;
}

size_t padding_size(const uint8_t *code, size_t size)
{
	size_t at = fills_size(code, size);

	/* A large gap begins with a jump over it: eb N, and N bytes of padding. */
	if (size - at >= 2 && code[at] == 0xeb) {
		size_t gap = code[at + 1];

		if (gap <= size - at - 2 && fills_size(code + at + 2, gap) == gap)
			at += 2 + gap + fills_size(code + at + 2 + gap, size - at - 2 - gap);
	}
	return at;
}

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
	uint8_t bytes[ENDBR_SIZE + JUMP_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		GElf_Shdr shdr;

		if (elffile_section(&target->file, names[i], &shdr) == NULL || shdr.sh_type != SHT_PROGBITS ||
		    shdr.sh_size < JUMP_SIZE || shdr.sh_addr < end || shdr.sh_addr - end > sizeof(bytes))
			continue;
		uint64_t gap = shdr.sh_addr - end;
		if (elffile_read(&target->file, end, bytes, (size_t)gap) && padding_size(bytes, (size_t)gap) == gap)
			return gap;
	}
	return UINT64_MAX;
}

int measure_room(const struct binary *target, const char *name, uint64_t addr, uint64_t size,
		 struct room *room)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const uint8_t endbr32[] = { 0xf3, 0x0f, 0x1e, 0xfb };
	uint64_t lo, hi, end = addr + size;
	uint8_t padding[PADDING_MAX], first[ENDBR_SIZE];

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
	room->size = size + padding_size(padding, (size_t)gap);
	uint64_t skip = 0;
	if (elffile_read(&target->file, addr, first, sizeof(first)) &&
	    (memcmp(first, endbr64, sizeof(first)) == 0 || memcmp(first, endbr32, sizeof(first)) == 0))
		skip = ENDBR_SIZE;
	room->needed = skip + JUMP_SIZE;
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
