/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binary: an ELF file together with its debug info, wherever that lies: in the
 * file itself, in a separate debug file, partly in a supplementary (dwz) file.
 */
#ifndef NSB_GEN_BINARY_H
#define NSB_GEN_BINARY_H

#include "dwarf.h"
#include "elffile.h"

struct binary {
	struct elffile file;		/* what runs: bytes, dynamic symbols */
	struct elffile debug_file;	/* open if debug info is separate */
	struct elffile supplement_file;	/* open if there is one */
	const struct symbols *symbols;	/* .symtab of either, may be empty */
	struct dwarf dwarf;
};

/*
 * Open `path` and index its debug info.  debug_path names the debug file, or
 * is NULL: then the file itself, its build-id below /usr/lib/debug and its
 * .gnu_debuglink are looked at, in this order.
 */
int binary_open(struct binary *binary, const char *path, const char *debug_path) MUST_CHECK;
void binary_close(struct binary *binary);

/*
 * Symbol that is a function at exactly `addr`, by preference one called
 * `name`, which may be NULL; NULL if there is none.
 */
const struct symbol *binary_function_symbol(const struct binary *binary, uint64_t addr,
					    const char *name);

/* Is the code at this function's entry a clone that the compiler made of it? */
const char *clone_name(const struct binary *binary, const struct dwarf_function *function);

/* All ranges are in order, entry first: by the symbol of that name where there is one. */
struct dwarf_range entry_range(const struct binary *binary, const struct dwarf_function *function);

/*
 * Does a source file name given by a patch author mean this unit's source
 * file?  "dir/file.c" means ".../dir/file.c".
 */
bool unit_matches_file(const struct dwarf_unit *unit, const char *file);
bool path_has_suffix(const char *path, const char *suffix);

#endif
