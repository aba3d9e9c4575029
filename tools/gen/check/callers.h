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

/* The calls of the target, while several functions are asked for. */
struct callers;

/* callers_destroy() does nothing to NULL, and is needed after an error of callers_create(), too. */
int callers_create(struct callers **callers, const struct draft *draft) MUST_CHECK;
void callers_destroy(struct callers *callers);

/* Does the target's function no. `function` stay in use? */
typedef bool (*stays_in_use)(void *ctx, uint32_t function);

/*
 * Which functions of the target that stay would break if function no. `new` of the patch
 * replaced the target's no. `old`?  *broken has a byte for each of them, and is valid up to the
 * next call.
 */
int callers_find(struct callers *callers, uint32_t old, uint32_t new, stays_in_use stays,
		 const uint8_t **broken, void *ctx) MUST_CHECK;

/* Was the unit compiled by gcc with -fipa-ra, which comes with optimisation? */
bool has_ipa_ra(const struct dwarf_unit *unit);

#endif
