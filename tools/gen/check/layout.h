/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout: structures, unions and enumerations must be what they were.
 */
#ifndef NSB_GEN_LAYOUT_H
#define NSB_GEN_LAYOUT_H

#include "draft.h"
#include "unit.h"

/*
 * Compare the types that a unit names with those of the target's unit and of the
 * original.  -EINVAL, with file, line and name, for one that differs.
 */
int check_layout(const struct draft *draft, const struct unit *unit) MUST_CHECK;

#endif
