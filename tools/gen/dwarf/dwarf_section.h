/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_section: the debug sections as bytes: which of them an offset lies in, and the
 * strings in them.
 */
#ifndef NSB_GEN_DWARF_SECTION_H
#define NSB_GEN_DWARF_SECTION_H

#include "array.h"
#include "dwarf.h"

/* Make room for one more element of the index; the count is a uint32_t. */
#define DWARF_GROW(array, count) \
	((count) < UINT32_MAX / 2 ? ARRAY_GROW((array), (count), 1) : dwarf_refuse_count())

/* -EOVERFLOW with a message. */
int dwarf_refuse_count(void) MUST_CHECK;

/* A section of input 0, or of input 1, the supplementary file. */
const struct dwarf_bytes *dwarf_section(const struct dwarf *dwarf, uint32_t input,
					enum dwarf_section_id id);

/*
 * The section that a DIE offset lies in: its bytes, and the offset of its first byte.  NULL if
 * it lies in none.
 */
const struct dwarf_bytes *dwarf_section_of(const struct dwarf *dwarf, uint64_t offset,
					   uint64_t *base);

/* -ENOEXEC and a message that tells what is wrong at a DIE offset. */
int dwarf_damaged(const struct dwarf *dwarf, uint64_t offset, const char *what);

/* The string at an offset of a section; NULL if it does not end there. */
const char *dwarf_string(const struct dwarf *dwarf, uint32_t input, enum dwarf_section_id id,
			 uint64_t offset);

#endif
