/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stale: are the original objects of the source that the target was built from?
 *
 * If they are of another version, the patch takes back what the target has and they have not.
 * Without a second build of the whole target not every difference shows.
 */
#ifndef NSB_GEN_STALE_H
#define NSB_GEN_STALE_H

#include "draft.h"
#include "unit.h"

/*
 * Refuse originals in which a function or variable begins on another line of its source than
 * in the target.  Tell of changed functions that call other functions of other units than in the
 * target.
 */
int check_originals(const struct draft *draft, const struct unit *units, size_t n_units) MUST_CHECK;

#endif
