/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * callers: what the target's code that stays takes for granted of the functions
 * that are replaced.
 *
 * A compiler that sees a function along with its callers has them rely on more than the
 * ABI says: on registers that it leaves alone (gcc's -fipa-ra), on its not needing
 * an aligned stack, on its not coming back.  A new function that was compiled alone
 * knows nothing of that.  The target's code tells, whichever compiler made it.
 */
#ifndef NSB_GEN_CALLERS_H
#define NSB_GEN_CALLERS_H

#include "draft.h"

/*
 * Look at every call, in code that is not replaced, that leads to a replaced function.
 * -EINVAL, with file, line, names and cure, where the new one would break the caller.
 */
int check_callers(const struct draft *draft) MUST_CHECK;

/* Was the unit compiled by a gcc with -fipa-ra, which comes with optimisation? */
bool has_ipa_ra(const struct dwarf_unit *unit);

#endif
