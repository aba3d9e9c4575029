/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counterpart: what of the target the pieces of the author's objects are.
 *
 * By name and linkage; static ones within the target's unit of the same source
 * file, static variables of a function within that function.
 */
#ifndef NSB_GEN_COUNTERPART_H
#define NSB_GEN_COUNTERPART_H

#include "draft.h"
#include "unit.h"

/* Sets patch_unit, target_unit and target_path. */
int find_target_unit(const struct draft *draft, struct unit *unit) MUST_CHECK;

/* Sets has_counterpart and place of every piece.  -EINVAL where it is not clear which is meant. */
int find_counterparts(const struct draft *draft, struct unit *unit) MUST_CHECK;

/* The patch's debug info of a piece: index of its function or variable, or DWARF_NONE. */
uint32_t patch_function(const struct draft *draft, const struct piece *piece);
uint32_t patch_variable(const struct draft *draft, const struct piece *piece);

/* "file.c:12", as messages begin; malloced, never NULL unless out of memory. */
char *piece_source(const struct draft *draft, const struct unit *unit, const struct piece *piece);

#endif
