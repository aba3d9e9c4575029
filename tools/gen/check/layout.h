/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout: structures, unions and enumerations must be what they were. */
#ifndef NSB_GEN_LAYOUT_H
#define NSB_GEN_LAYOUT_H

#include "directives.h"
#include "draft.h"

/*
 * Compare the types that a unit of the patch names with those of the same unit of another file:
 * of the target, or of an original object.  The answer is -EINVAL, with file, line and name, if
 * one differs.
 */
int check_layout(const struct draft *draft, const struct dwarf_unit *new, const struct dwarf *dwarf,
		 const struct dwarf_unit *old) MUST_CHECK;

/*
 * VZP_LAYOUT: the author's word that a hook converts what there is of a type.  From now on the type is taken for the
 * same.  What else has to be so is refused at the end: the witness tells which functions depend on the layout, none of
 * them may be active, and a revert is thought of.
 */
int trust_layouts(const struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
