/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * externs: stand-ins for hidden things that the objects of a patch use and do not define.
 *
 * A linker makes no shared object of code that refers to an undefined hidden symbol.  It does
 * so if a stand-in defines the symbol.  Auto mode turns every reference to a stand-in towards
 * the target's own thing.
 */
#ifndef NSB_GEN_EXTERNS_H
#define NSB_GEN_EXTERNS_H

#include <stdbool.h>

#include "elffile.h"

/* Is this an undefined hidden symbol, which needs a stand-in? */
bool is_hidden_extern(const struct symbol *symbol);

/* Write the stand-ins to standard output, as assembler source for the ABI of the objects. */
int externs_print(char **objects, size_t n_objects) MUST_CHECK;

#endif
