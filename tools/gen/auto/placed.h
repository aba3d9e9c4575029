/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * placed: where the pieces of the author's objects lie in the shared object that was linked
 * from them.
 *
 * A piece with a name is found by its symbol, and the code there is compared with the
 * object's.  A piece without a name is found by what refers to it.  The linker never changes
 * the length of code, on either ABI, even where it changes instructions.
 */
#ifndef NSB_GEN_PLACED_H
#define NSB_GEN_PLACED_H

#include "unit.h"

/*
 * Set is_placed and addr of all pieces.  The answer is -EINVAL with a message if the patch was
 * not linked from these objects.
 */
int place_units(struct unit *units, size_t n_units, const struct binary *patch) MUST_CHECK;

/* Is the object's code of a piece at `addr` of the file, apart from what the linker fills in? */
bool is_code_at(const struct unit *unit, const struct piece *piece, const struct elffile *file, uint64_t addr);

/* `width` bytes of the file at an address, sign-extended; false if the file does not have them. */
bool read_word(const struct elffile *file, uint64_t addr, unsigned width, int64_t *value);

/*
 * Where the linker has led a relocation of a part of an instruction, of a placed piece: the parts that the piece's other
 * relocations for the same thing have are put together.  It is the address of the thing, or of its slot.  False: it is not known.
 */
bool joined_value(const struct unit *unit, const struct piece *piece, const struct unit_reloc *reloc,
		  const struct elffile *file, uint64_t *value);

#endif
