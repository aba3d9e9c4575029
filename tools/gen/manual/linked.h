/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linked: symbols that no source defines, but the linker: where code and data end, and where a
 * section begins and ends of which it makes a list (GNU ld, "Input Section Example" and "Source
 * Code Reference").
 *
 * The patch is linked on its own, and gets such symbols of its own.  Its code means the
 * target's.
 */
#ifndef NSB_GEN_LINKED_H
#define NSB_GEN_LINKED_H

#include "draft.h"

/*
 * For a patch without objects: its dynamic symbols that are the linker's are bound to the
 * target's.  The answer is -EINVAL if the patch was linked so that they cannot be.
 */
int bind_linker_symbols(struct draft *draft) MUST_CHECK;

#endif
