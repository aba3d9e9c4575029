/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_die: entries, found by their offset or as child and sibling of another one.
 */
#ifndef NSB_GEN_DWARF_DIE_H
#define NSB_GEN_DWARF_DIE_H

#include "cursor.h"
#include "dwarf.h"

/* A cursor over the rest of a unit, from `offset` on.  -ENOEXEC if that is outside the unit. */
int dwarf_unit_cursor(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		      struct cursor *at) MUST_CHECK;

/*
 * Does what dwarf_die_read() does, but a tag of 0 is no error: it is the null entry that ends a
 * list of children.
 */
int dwarf_read_entry(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t offset,
		     struct dwarf_die *die) MUST_CHECK;

#endif
