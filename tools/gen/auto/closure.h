/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * closure: which functions have to be replaced along with those that changed.
 *
 * The target's code holds more of a function than its symbol says: copies that were inlined
 * into other functions, clones that only their callers know, and callers that rely on registers
 * that the old function left alone.  Each function with such code in it is replaced too, until
 * nothing of the old code is in use.  Example: f changed and was inlined into g, so g is
 * replaced.
 */
#ifndef NSB_GEN_CLOSURE_H
#define NSB_GEN_CLOSURE_H

#include "draft.h"
#include "unit.h"

/*
 * Give FATE_REPLACES, and a reason in `why`, to every piece that has to be replaced for the
 * sake of a piece that has it already.  A function that changed but has no code of its own in
 * the target gets FATE_OWN, and its users are replaced.  The answer is -EINVAL if a function
 * would have to be replaced that is in none of the objects.
 */
int close_over(struct draft *draft, struct unit *units, size_t n_units) MUST_CHECK;

/*
 * Must callers in the patch call the patch's own copy of this function?  Yes if the compiler
 * knew its code when it made the callers: it may then have given the function a calling
 * convention of its own.
 */
bool needs_own_copy(const struct unit *unit, const struct piece *piece);

/*
 * Add the other parts of the replaced functions, cold code and clones, to the ranges that no
 * thread may be in.
 */
int add_parts(struct draft *draft) MUST_CHECK;

/*
 * A replaced function whose prototype changed may have no callers that stay.  If it has, the
 * answer is -EINVAL with file, line and name.
 */
int check_changed_prototypes(struct draft *draft) MUST_CHECK;

/*
 * Does the compiler add calls of this function on its own account?  Whether a function has them
 * depends on its options, not on its source.
 */
bool is_of_compiler(const char *name);

#endif
