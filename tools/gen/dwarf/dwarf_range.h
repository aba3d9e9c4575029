/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dwarf_range: which addresses the code of a function has, by .debug_ranges and .debug_rnglists. */
#ifndef NSB_GEN_DWARF_RANGE_H
#define NSB_GEN_DWARF_RANGE_H

#include "dwarf.h"

/*
 * Append the ranges of a function's DIE to dwarf->ranges, and fill in the function's members
 * that tell of them.  The range with the entry is the first.  -ENOEXEC or -ENOMEM.
 */
int dwarf_read_code(struct dwarf *dwarf, const struct dwarf_die *die,
		    struct dwarf_function *function) MUST_CHECK;

#endif
