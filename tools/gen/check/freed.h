/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freed: functions of the target that free objects to which the patch attaches data (VZP_ON_FREE of shadow.h).
 *
 * shadow.h has the entry, a small piece of code.  The jump at the start of the target's function leads there.  The entry
 * removes what is attached to the object, does what the jump has covered, and goes on behind it in the target's function.
 */
#ifndef NSB_GEN_FREED_H
#define NSB_GEN_FREED_H

#include "directives.h"
#include "draft.h"

/*
 * Add the functions that the author names.  They come behind those that are replaced, so all checks of these come before.
 * The bytes of the patch that will be written change.  What is wrong is refused at the end.
 */
int draw_freed(struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
