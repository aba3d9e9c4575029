/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * effects: calls that a compiler dropped, as it knew that the function did nothing.
 *
 * A function without effects is called once for two calls, and not at all where its result is not
 * used or is known.  Example: the old valid() compared two numbers; callers that ignore its result
 * do not call it.  A new valid() that counts its calls is then not called either.
 */
#ifndef NSB_GEN_EFFECTS_H
#define NSB_GEN_EFFECTS_H

#include "draft.h"

/*
 * Tell of a function that does more than the old one, of which the compiler knew that it did
 * nothing, if there are functions in its unit that are not replaced, and so may have lost calls of
 * it.  Refuse one that may return new values if callers were told the old ones.  Not if the author
 * has looked at them (VZP_CALLERS_CHECKED).  All dynrefs have to be known.
 */
int check_effects(const struct draft *draft) MUST_CHECK;

#endif
