/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folded: functions that the target's linker or compiler made one, as their code was equal.
 *
 * A jump at their address is for all of them, so one of them cannot change alone.
 */
#ifndef NSB_GEN_FOLDED_H
#define NSB_GEN_FOLDED_H

#include "draft.h"
#include "unit.h"

/*
 * Of functions that change in the same way, and are one in the target, only the first is left to
 * be replaced.  If another function is at the address of one that changes, and does not change
 * in the same way, the answer is -EINVAL with a message that names both.
 */
int settle_folded(const struct draft *draft, struct unit *units, size_t n_units) MUST_CHECK;

#endif
