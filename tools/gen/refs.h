/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refs: the macros of vzp.h that a patch of some functions needs, ready to be pasted. */
#ifndef NSB_GEN_REFS_H
#define NSB_GEN_REFS_H

#include "binary.h"

/*
 * Print a line for each static variable and function to which the code of these functions refers,
 * with the source file; what was inlined into them, and what else they use of the target, is named
 * in comments.  A function's name may be "file.c:name".
 */
int refs_print(const struct binary *target, char **names, size_t n_names) MUST_CHECK;

#endif
