/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * auto: the metadata of a patch that was linked from whole compile units, built
 * from the changed source.
 */
#ifndef NSB_GEN_AUTO_H
#define NSB_GEN_AUTO_H

#include "draft.h"

/*
 * Fill a draft_init()ed draft, whose objects are set.  -EINVAL, with a message, for
 * what cannot be patched so; -ENODATA, with a message, where no code differs.
 */
int auto_draw(struct draft *draft) MUST_CHECK;

#endif
