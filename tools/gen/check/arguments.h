/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arguments: what a static function of the target knows of the arguments that it is passed.
 *
 * Compilers see all callers of a static function whose address nobody takes, and drop its tests
 * of arguments that can only have one outcome.  Example: all callers of entry(n) pass n from 0
 * to 9, so "if (n < 0)" left no code; a patch that calls entry(-1) reads what is before the
 * table.
 */
#ifndef NSB_GEN_ARGUMENTS_H
#define NSB_GEN_ARGUMENTS_H

#include "directives.h"
#include "draft.h"

/*
 * Refuse a call of such a function by the patch, unless code of the target shows that it may be
 * passed anything, or the patch passes a constant that the target passes, too, or the author has
 * looked at it (VZP_ARGUMENTS_CHECKED).  All dynrefs have to be known.
 */
int check_arguments(const struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
