/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * once: a function of the patch that runs before the first call of any replaced function (VZP_ONCE).
 *
 * vzp.h has the slots, small pieces of code.  Each replaced function gets one: the jump from the target leads to the slot,
 * which runs that function if nobody has, and goes on to the new code.
 */
#ifndef NSB_GEN_ONCE_H
#define NSB_GEN_ONCE_H

#include "directives.h"
#include "draft.h"

/* The symbol of the slots, which nothing in the patch refers to. */
#define ONCE_SLOTS "vzp__once_slots"

/*
 * Give each function that is replaced its slot, if the author asks for it.  All functions have to be known.  The bytes of the
 * patch that will be written change: where a slot goes on.  What is wrong is refused at the end.
 */
int draw_once(struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
