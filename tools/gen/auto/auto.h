/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * auto: auto mode, which draws up the metadata of a patch that was linked from whole compile
 * units, built from the changed source.
 */
#ifndef NSB_GEN_AUTO_H
#define NSB_GEN_AUTO_H

#include "draft.h"

/*
 * Fill a draft that draft_init() prepared and whose objects are set.  The answer is -EINVAL
 * with a message for a change that cannot be patched in this way, and -ENODATA with a message
 * if no code differs.
 */
int auto_draw(struct draft *draft) MUST_CHECK;

#endif
