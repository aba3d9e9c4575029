/* SPDX-License-Identifier: GPL-2.0-or-later */
/* statics: variables of the patch that the target's function or file has, too. */
#ifndef NSB_GEN_STATICS_H
#define NSB_GEN_STATICS_H

#include "directives.h"
#include "draft.h"

/*
 * Refuse a static variable that would be a second copy of the target's own: what the target
 * keeps there would not be in it.  VZP_NEW says that a new one is meant.  Constants may be
 * copies.
 */
int check_statics(const struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
