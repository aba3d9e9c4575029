/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * data: which variables can stay the target's when its code changes.
 */
#ifndef NSB_GEN_DATA_H
#define NSB_GEN_DATA_H

#include "draft.h"
#include "unit.h"

/* Refused: a new member of a list that the linker makes of a section. */
int check_new_data(const struct draft *draft, const struct unit *unit,
		   const struct piece *piece) MUST_CHECK;

/*
 * The fate of a variable that the target has: its own, or, of a constant that
 * changed and only the replaced code knows, the patch's copy.  -EINVAL for a change
 * that running code cannot be given.
 */
int decide_data(const struct draft *draft, const struct unit *unit, struct piece *piece) MUST_CHECK;

/*
 * Tables of labels (computed goto), when it is known which functions are replaced: those of
 * such a function have to be the patch's.  -EINVAL where they cannot.
 */
int settle_labels(const struct draft *draft, const struct unit *unit) MUST_CHECK;

/* Variables of the original, or without one of the target's unit, that are gone. */
int check_removed_data(const struct draft *draft, const struct unit *unit) MUST_CHECK;

#endif
