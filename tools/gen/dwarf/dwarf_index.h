/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_index: the walk through all entries that finds functions, inlined instances and
 * variables.
 */
#ifndef NSB_GEN_DWARF_INDEX_H
#define NSB_GEN_DWARF_INDEX_H

#include "dwarf.h"

/* Fill the arrays of `dwarf`, whose units have been read.  -ENOEXEC, -ENOMEM. */
int dwarf_index_entries(struct dwarf *dwarf) MUST_CHECK;

#endif
