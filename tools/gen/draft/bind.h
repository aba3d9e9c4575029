/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bind: names that the patch uses and does not define, bound to the target's own things.
 *
 * The dynamic linker finds what the target exports.  Everything else, hidden symbols and
 * symbols that the linker made, is found here and becomes a reference of the draft.  Both modes
 * bind in this way.
 */
#ifndef NSB_GEN_BIND_H
#define NSB_GEN_BIND_H

#include "draft.h"

/*
 * The target's global function (or variable) called wanted->name, hidden or not: 1, or 0 if it
 * has none; negative with a message.  wanted->file is set to NULL.
 */
int find_hidden(const struct draft *draft, struct wanted *wanted, bool function,
		struct definition *out) MUST_CHECK;

/*
 * The target's global function or variable of that name, exported or not: 1, or 0 if it has
 * none; negative with a message.  If tls, it is a thread-local variable.
 */
int find_extern(const struct draft *draft, const char *name, bool tls,
		struct definition *out) MUST_CHECK;

/*
 * The same for a name that the linker may define: the symbol is the linker's, or else the
 * target's own.
 */
int find_linker_definition(const struct draft *draft, const char *name, struct definition *out) MUST_CHECK;

/*
 * Bind an undefined symbol, which the dynamic linker would not find in the target, to the
 * target's thing of that name.  If there is none, the symbol is left to the libraries; a static
 * target has none of these, so that is refused.
 */
int bind_extern(struct draft *draft, const char *name, const struct symbol *symbol) MUST_CHECK;

#endif
