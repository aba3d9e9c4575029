/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * references: turn what the replaced functions refer to, and what they reach of the patch,
 * towards the target.
 *
 * The linker has resolved the relocations of the objects: by a dynamic symbol, by a slot, or
 * for good.  For each relocation this module finds out what the linker made of it.  If it has
 * to lead to the target, it becomes a reference of the metadata, which nsb fills in.
 */
#ifndef NSB_GEN_REFERENCES_H
#define NSB_GEN_REFERENCES_H

#include "draft.h"
#include "unit.h"

/*
 * Follow the relocations of all pieces that can be reached from those with FATE_REPLACES, and
 * set is_reached.  Every piece has its fate already.
 */
int add_references(struct draft *draft, struct unit *units, size_t n_units) MUST_CHECK;

#endif
