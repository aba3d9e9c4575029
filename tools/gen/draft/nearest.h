/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nearest: the name that an author may have meant. */
#ifndef NSB_GEN_NEAREST_H
#define NSB_GEN_NEAREST_H

#include "binary.h"

/*
 * The target's function, variable or source file whose name is nearest to one that it has not;
 * NULL if none is near.  The string is the target's.
 */
const char *nearest_function(const struct binary *target, const char *name);
const char *nearest_variable(const struct binary *target, const char *name);
const char *nearest_file(const struct binary *target, const char *name);

#endif
