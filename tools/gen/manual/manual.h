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

/*
 * The target's own global function or variable (in its thread-local block, if tls), exported
 * or not: 1, or 0 if it has none; negative with a message.
 */
int find_extern(const struct draft *draft, const char *name, bool tls,
		struct place *out) MUST_CHECK;

/*
 * Binds an undefined symbol that the dynamic linker would not find in the target to
 * the target's thing of that name, if it has one.
 */
int bind_extern(struct draft *draft, const char *name, const struct symbol *symbol) MUST_CHECK;

#endif
