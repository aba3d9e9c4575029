/* SPDX-License-Identifier: GPL-2.0-or-later */
/* data: which variables stay the target's own when its code changes. */
#ifndef NSB_GEN_DATA_H
#define NSB_GEN_DATA_H

#include "draft.h"
#include "unit.h"

/*
 * Refuse a new member of a list that the linker makes of a section: the target, which has such
 * a list, would not find it.
 */
int check_new_data(const struct draft *draft, const struct unit *unit,
		   const struct piece *piece) MUST_CHECK;

/*
 * Set the fate of a variable that the target has: FATE_TARGET, or FATE_OWN for a constant that
 * changed and that only the replaced code knows.  The answer is -EINVAL for a change that
 * running code cannot be given, such as another initial value.
 */
int decide_data(const struct draft *draft, const struct unit *unit, struct piece *piece) MUST_CHECK;

/*
 * Decide on tables of labels (computed goto) when it is known which functions are replaced.  If
 * such a function has a table, the patch needs its own, as the target's leads into the old
 * code.  The answer is -EINVAL if it cannot have one.
 */
int settle_labels(const struct draft *draft, const struct unit *unit) MUST_CHECK;

/* Refuse a patch without a variable that the original, or else the target's unit, has: -EINVAL. */
int check_removed_data(const struct draft *draft, const struct unit *unit) MUST_CHECK;

#endif
