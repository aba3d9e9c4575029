/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manual: the metadata of a patch whose author wrote, by hand, the functions to
 * replace and, with the macros of vzp.h, what they need of the target.
 */
#ifndef NSB_GEN_MANUAL_H
#define NSB_GEN_MANUAL_H

#include "draft.h"

/* Fill a draft_init()ed draft.  -EINVAL, with a message, for what cannot be patched so. */
int manual_draw(struct draft *draft) MUST_CHECK;

#endif
