/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * closure: which functions have to be replaced along with those that changed.
 *
 * Code of the target holds more than its symbols say: copies of a function that
 * were inlined into others, clones of it that only their callers know, callers
 * that rely on registers that the old function left alone.  Such code is replaced
 * with the function that it stands in, until nothing of the old is in use.
 */
#ifndef NSB_GEN_CLOSURE_H
#define NSB_GEN_CLOSURE_H

#include "draft.h"
#include "unit.h"

/*
 * Give every piece that has to be replaced, because one with FATE_REPLACES is,
 * the same fate and a reason in `why`.  Functions that changed but have no code of
 * their own in the target are given FATE_OWN, and their users are replaced.  -EINVAL
 * where one would have to be that is in none of the objects.
 */
int close_over(struct draft *draft, struct unit *units, size_t n_units) MUST_CHECK;

/*
 * Must the patch's callers call the patch's copy, because the compiler knew the
 * function when it made them, and may have given it a calling convention of its own?
 */
bool needs_own_copy(const struct unit *unit, const struct piece *piece);

/* Adds what else there is of the replaced functions, cold parts and clones, as ranges. */
int add_parts(struct draft *draft) MUST_CHECK;

/*
 * A replaced function whose prototype changed must have no callers that are not
 * replaced.  -EINVAL, with file, line and name.
 */
int check_changed_prototypes(struct draft *draft) MUST_CHECK;

#endif
