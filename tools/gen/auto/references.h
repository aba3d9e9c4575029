/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * references: turn what the replaced functions refer to, and what they reach of
 * the patch, towards the target.
 *
 * The linker resolved the objects' relocations, by dynamic symbols, slots, or for
 * good.  Each is followed to what the linker made of it, relaxed or not; where it
 * has to lead to the target it becomes a reference of the metadata.
 */
#ifndef NSB_GEN_REFERENCES_H
#define NSB_GEN_REFERENCES_H

#include "draft.h"
#include "unit.h"

/*
 * Every piece has its fate.  Follows the relocations of all pieces that can be
 * reached from those that replace; sets is_reached.
 */
int add_references(struct draft *draft, struct unit *units, size_t n_units) MUST_CHECK;

#endif
