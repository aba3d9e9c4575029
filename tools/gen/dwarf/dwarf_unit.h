/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_unit: the units that the debug info consists of: their headers, and what their first
 * entry says for the whole unit.
 */
#ifndef NSB_GEN_DWARF_UNIT_H
#define NSB_GEN_DWARF_UNIT_H

#include "dwarf.h"

/* Fill dwarf->units, in the order of their offsets, and dwarf->type_units.  -ENOEXEC, -ENOMEM. */
int dwarf_read_units(struct dwarf *dwarf) MUST_CHECK;

/* Has the unit functions and variables of its own? */
bool dwarf_is_indexed(const struct dwarf_unit *unit);

#endif
