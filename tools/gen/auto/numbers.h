/* SPDX-License-Identifier: GPL-2.0-or-later */
/* numbers: what the debug info says of numbers in code that may be those of source lines. */
#ifndef NSB_GEN_NUMBERS_H
#define NSB_GEN_NUMBERS_H

#include "compare.h"
#include "draft.h"

/* What compare_units() asks of lines.  `draft` must outlive it. */
struct compare_lines line_numbers(struct draft *draft);

/* Read the line table of an original object, or that which the patch has of a unit.  -ENOMEM. */
int read_original_lines(struct unit *original) MUST_CHECK;
int read_patch_lines(const struct draft *draft, struct unit *unit) MUST_CHECK;

#endif
