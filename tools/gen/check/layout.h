/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout: structures, unions and enumerations must be what they were. */
#ifndef NSB_GEN_LAYOUT_H
#define NSB_GEN_LAYOUT_H

#include "draft.h"

/*
 * Compare the types that a unit of the patch names with those of the same unit of another file:
 * of the target, or of an original object.  The answer is -EINVAL, with file, line and name, if
 * one differs.
 */
int check_layout(const struct draft *draft, const struct dwarf_unit *new, const struct dwarf *dwarf,
		 const struct dwarf_unit *old) MUST_CHECK;

#endif
