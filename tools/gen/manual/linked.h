/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linked: symbols that no source defines, but the linker: where code and data end, and
 * where the list begins and ends that it makes of a section (GNU ld, "Input Section
 * Example" and "Source Code Reference").
 *
 * The patch, linked on its own, has its own of these; its code means the target's.
 */
#ifndef NSB_GEN_LINKED_H
#define NSB_GEN_LINKED_H

#include "draft.h"

/*
 * For a patch without objects: those of its dynamic symbols that are the linker's mean the
 * target's.  -EINVAL where it was linked so that they cannot.
 */
int bind_linker_symbols(struct draft *draft) MUST_CHECK;

#endif
