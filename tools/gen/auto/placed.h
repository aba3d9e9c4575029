/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * placed: where the pieces of the author's objects lie in the shared object
 * that was linked from them.
 *
 * Named pieces are found by their symbols, and it is checked that the code there
 * is the object's; pieces without a name by what refers to them.  The linker
 * leaves the length of code alone on both ABIs, also where it relaxes it.
 */
#ifndef NSB_GEN_PLACED_H
#define NSB_GEN_PLACED_H

#include "unit.h"

/* -EINVAL, with a message, if the patch was not linked from these objects. */
int place_units(struct unit *units, size_t n_units, const struct binary *patch) MUST_CHECK;

/* `width` bytes of the patch at an address, sign-extended; false if the file has not got them. */
bool read_word(const struct elffile *file, uint64_t addr, unsigned width, int64_t *value);

#endif
