/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dwarf_section.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char *const dwarf_section_names[DWARF_N_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",
	[DWARF_TYPES] = ".debug_types",
	[DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_STR] = ".debug_str",
	[DWARF_LINE_STR] = ".debug_line_str",
	[DWARF_STR_OFFSETS] = ".debug_str_offsets",
	[DWARF_ADDR] = ".debug_addr",
	[DWARF_RANGES] = ".debug_ranges",
	[DWARF_RNGLISTS] = ".debug_rnglists",
	[DWARF_LINE] = ".debug_line",
	[DWARF_LOC] = ".debug_loc",
	[DWARF_LOCLISTS] = ".debug_loclists",
};

int dwarf_refuse_count(void)
{
	return fail(EOVERFLOW, "debug info has too many entries");
}

const struct dwarf_bytes *dwarf_section(const struct dwarf *dwarf, uint32_t input,
					 enum dwarf_section_id id)
{
	return &dwarf->inputs[input].sections[id];
}

int dwarf_damaged(const struct dwarf *dwarf, uint64_t offset, const char *what)
{
	uint32_t input = offset >= dwarf->bases[2] && dwarf->inputs[1].name != NULL ? 1 : 0;
	enum dwarf_section_id id = DWARF_INFO;

	if (input != 0)
		offset -= dwarf->bases[2];
	else if (offset >= dwarf->bases[1] && dwarf->ends[1] > dwarf->bases[1]) {
		offset -= dwarf->bases[1];
		id = DWARF_TYPES;
	}
	return fail(ENOEXEC, "%s: debug info is damaged: %s at %s+0x%" PRIx64,
		    dwarf->inputs[input].name, what, dwarf_section_names[id], offset);
}

const struct dwarf_bytes *dwarf_section_of(const struct dwarf *dwarf, uint64_t offset,
					    uint64_t *base)
{
	static const struct { uint8_t input, id; } where[3] = {
		{ 0, DWARF_INFO }, { 0, DWARF_TYPES }, { 1, DWARF_INFO },
	};

	for (int i = 0; i < 3; i++) {
		if (offset >= dwarf->bases[i] && offset < dwarf->ends[i]) {
			*base = dwarf->bases[i];
			return dwarf_section(dwarf, where[i].input, where[i].id);
		}
	}
	return NULL;
}

const char *dwarf_string(const struct dwarf *dwarf, uint32_t input, enum dwarf_section_id id,
			     uint64_t offset)
{
	const struct dwarf_bytes *strings = dwarf_section(dwarf, input, id);

	if (offset >= strings->size ||
	    memchr(strings->data + offset, 0, (size_t)(strings->size - offset)) == NULL)
		return NULL;
	return (const char *)strings->data + offset;
}
