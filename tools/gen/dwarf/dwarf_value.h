/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_value: the attributes of an entry, read from its bytes.  dwarf.h declares dwarf_has()
 * and the other functions that ask an entry for its attributes; they are defined here.
 */
#ifndef NSB_GEN_DWARF_VALUE_H
#define NSB_GEN_DWARF_VALUE_H

#include "cursor.h"
#include "dwarf.h"

struct dwarf_abbrev;

/* Read the attributes of the entry at die->offset; `at` stands before them.  -ENOEXEC. */
int dwarf_read_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			  const struct dwarf_abbrev *abbrev, struct cursor *at,
			  struct dwarf_die *die) MUST_CHECK;

/* Move `at` behind the attributes of the entry at `offset`.  -ENOEXEC. */
int dwarf_skip_attributes(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			  const struct dwarf_abbrev *abbrev, struct cursor *at,
			  uint64_t offset) MUST_CHECK;

#endif
