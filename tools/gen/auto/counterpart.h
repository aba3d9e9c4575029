/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counterpart: which function or variable of the target a piece of the author's objects is.
 *
 * A global thing is found by its name.  A static one is found by its name in the target's unit
 * of the same source file, and a static variable of a function within that function.
 */
#ifndef NSB_GEN_COUNTERPART_H
#define NSB_GEN_COUNTERPART_H

#include "draft.h"
#include "unit.h"

/*
 * Set has_counterpart and counterpart of every piece.  The answer is -EINVAL with a message if
 * several things of the target could be meant.
 */
int find_counterparts(const struct draft *draft, struct unit *unit) MUST_CHECK;

/* The piece in the patch's debug info: index of its function or variable, or DWARF_NONE. */
uint32_t patch_function(const struct draft *draft, const struct piece *piece);
uint32_t patch_variable(const struct draft *draft, const struct piece *piece);

/* "file.c:12", with which messages begin.  The caller frees it; NULL means out of memory. */
char *piece_source(const struct draft *draft, const struct unit *unit, const struct piece *piece);

#endif
