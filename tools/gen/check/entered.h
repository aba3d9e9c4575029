/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entered: replaced functions that other code enters behind their first instruction.
 *
 * The jump to the new function stands at the start.  Whoever comes in further down goes on in
 * the old code, or in the middle of the jump.  Compilers do not do that; hand-written code does.
 */
#ifndef NSB_GEN_ENTERED_H
#define NSB_GEN_ENTERED_H

#include "draft.h"

/*
 * -EINVAL with a message that has both names if code of the target that stays calls or jumps to
 * the inside of a replaced function, or if a global function begins there.
 */
int check_entered(const struct draft *draft) MUST_CHECK;

#endif
