/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * skeleton: a source file for a patch of some functions, to begin with.
 *
 * It has the types that the functions use, as far as no system header has them; the macros of
 * vzp.h; and the functions, with their prototypes and without their code.  It compiles, and
 * nsb-gen makes no patch of it before the code is there.
 */
#ifndef NSB_GEN_SKELETON_H
#define NSB_GEN_SKELETON_H

#include "binary.h"

int skeleton_print(const struct binary *target, char **names, size_t n_names) MUST_CHECK;

#endif
