/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binary: an ELF file together with its debug info, wherever that is: in the file itself, in a
 * debug file, or partly in a supplementary file, which dwz made.
 */
#ifndef NSB_GEN_BINARY_H
#define NSB_GEN_BINARY_H

#include "dwarf.h"
#include "elffile.h"

/* A file, its debug info, and the files that this is in. */
struct binary {
	struct elffile file;		/* the file that runs: its bytes and dynamic symbols */
	struct elffile debug_file;	/* open if the debug info is in a file of its own */
	struct elffile supplement_file;	/* open if there is one */
	const struct symbols *symbols;	/* .symtab of either file; it may be empty */
	struct dwarf dwarf;
};

/*
 * Open `path` and index its debug info.  debug_path names the debug file.  If it is NULL, the
 * debug info is looked for in the file itself, then by its build-id below /usr/lib/debug, and
 * then by its .gnu_debuglink.
 */
int binary_open(struct binary *binary, const char *path, const char *debug_path) MUST_CHECK;

/* The same for the patch, of which file.original is kept: it is read once, and written from that. */
int binary_open_patch(struct binary *binary, const char *path) MUST_CHECK;

/*
 * The same, where the debug file may be that of another build, `alike`, which somebody has to
 * prove to be the same; it may be NULL.  If nothing else is found, `alike` itself is the debug
 * file.
 */
int binary_open_alike(struct binary *binary, const char *path, const char *debug_path,
		      const struct elffile *alike) MUST_CHECK;
void binary_close(struct binary *binary);

/*
 * The symbol of a function at exactly `addr`; NULL if there is none.  If several are there, one
 * that is called `name` is preferred; `name` may be NULL.
 */
const struct symbol *binary_function_symbol(const struct binary *binary, uint64_t addr,
					    const char *name);

/*
 * The name of the compiler's clone, such as "f.part.0", if the code at this function's entry is
 * one; else NULL.
 */
const char *clone_name(const struct binary *binary, const struct dwarf_function *function);

/*
 * The range that the function is entered at: the one that begins at the function's symbol, or
 * the first if there is no symbol.
 */
struct dwarf_range entry_range(const struct binary *binary, const struct dwarf_function *function);

/*
 * Does `file`, as the author of a patch writes it, mean the source file of this unit?
 * "dir/file.c" means ".../dir/file.c".
 */
bool unit_matches_file(const struct dwarf_unit *unit, const char *file);
bool path_has_suffix(const char *path, const char *suffix);

#endif
