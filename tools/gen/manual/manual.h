/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manual: manual mode.  The patch's author wrote the functions to replace by hand and said,
 * with the macros of vzp.h, what they need of the target.
 */
#ifndef NSB_GEN_MANUAL_H
#define NSB_GEN_MANUAL_H

#include "draft.h"

/*
 * Fill a draft that draft_init() prepared.  The answer is -EINVAL with a message for what
 * cannot be patched in this way.
 */
int manual_draw(struct draft *draft) MUST_CHECK;

#endif
