/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * callers: what code of the target that stays relies on in the functions that are replaced.
 *
 * A compiler that sees a function along with its callers lets them rely on more than the ABI
 * says: that it leaves some registers alone (gcc's -fipa-ra), that it does not need an aligned
 * stack, that it does not come back.  A new function that was compiled alone does not know of
 * that.  The target's code shows it, whichever compiler made it.  Example: the old f did not
 * touch %rcx and its caller keeps a value there over the call; the new f uses %rcx.
 */
#ifndef NSB_GEN_CALLERS_H
#define NSB_GEN_CALLERS_H

#include "draft.h"

/*
 * Look at every call, in code that is not replaced, that leads to a replaced function.  If the
 * new function would break a caller, the answer is -EINVAL with a message that has file, line,
 * names and cure.
 */
int check_callers(const struct draft *draft) MUST_CHECK;

/* Was the unit compiled by gcc with -fipa-ra, which comes with optimisation? */
bool has_ipa_ra(const struct dwarf_unit *unit);

#endif
