/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * externs: stand-ins for hidden things that the objects of a patch do not define.
 *
 * A linker makes no shared object of code that refers to an undefined hidden symbol.  The
 * stand-ins let it; auto mode turns every reference to one to the target's own thing.
 */
#ifndef NSB_GEN_EXTERNS_H
#define NSB_GEN_EXTERNS_H

#include <stdbool.h>

#include "elffile.h"

/* A reference to such a thing? */
bool is_hidden_extern(const struct symbol *symbol);

/* Write them to standard output, as assembler source for the ABI of the objects. */
int externs_print(char **objects, size_t n_objects) MUST_CHECK;

#endif
