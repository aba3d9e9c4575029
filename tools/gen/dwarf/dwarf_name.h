/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf_name: functions and variables by their names: dwarf_find_function() and
 * dwarf_find_variable(), which dwarf.h declares.
 */
#ifndef NSB_GEN_DWARF_NAME_H
#define NSB_GEN_DWARF_NAME_H

#include "dwarf.h"

/* Hash the names of all functions and variables, so that they can be found.  -ENOMEM. */
int dwarf_names_init(struct dwarf *dwarf) MUST_CHECK;
void dwarf_names_deinit(struct dwarf *dwarf);

#endif
