/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identify: which unit of the target an object is a new version of. */
#ifndef NSB_GEN_IDENTIFY_H
#define NSB_GEN_IDENTIFY_H

#include "unit.h"
#include "draft.h"

/*
 * Set patch_unit, target_unit and target_path of an object.  target_unit stays NULL if the
 * target has no such unit.  The answer is -EINVAL, with a message, if it has two.
 */
int find_target_unit(const struct draft *draft, struct unit *unit) MUST_CHECK;

/*
 * Refuse objects that are no part of the target.  The originals and counterparts of the units
 * must be known.  The answer is -EINVAL with a message that names the source file.
 */
int check_units(const struct draft *draft, const struct unit *units, size_t n_units) MUST_CHECK;

#endif
