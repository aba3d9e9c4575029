/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: an object file of the patch's author, taken apart.
 *
 * What is loaded of it is divided into pieces.  A piece is a function, a variable with a name,
 * or a section without names, such as strings, constants and jump tables.  Every relocation
 * belongs to a piece, and leads to a piece or to a symbol that is defined elsewhere.  Nothing
 * in the file is trusted.
 */
#ifndef NSB_GEN_UNIT_H
#define NSB_GEN_UNIT_H

#include "arch.h"
#include "find.h"

/* PIECE_UNNAMED is a section without names; PIECE_TLS a thread-local variable. */
enum piece_kind { PIECE_FUNCTION, PIECE_VARIABLE, PIECE_TLS, PIECE_UNNAMED };

/* What becomes of a piece.  auto.c and closure.c decide. */
enum piece_fate {
	FATE_UNKNOWN,
	FATE_REPLACES,		/* a function: the target's calls will lead to it */
	FATE_TARGET,		/* the patch uses the target's */
	FATE_OWN,		/* the patch uses its own copy */
};

/* A relocation of the object. */
struct unit_reloc {
	uint64_t offset;		/* in the section */
	const struct reloc_type *type;
	const struct symbol *symbol;	/* NULL: it has none */
	int64_t addend;
	/* Of a displacement in code: the bytes from it to the end of its instruction.  Else 0. */
	uint8_t bias;
	bool bias_is_guess;		/* the instruction is unknown, and bias is 4, as if nothing followed */
};

/* A section of the object. */
struct unit_section {
	const char *name;
	const uint8_t *bytes;		/* NULL for .bss */
	uint64_t size, flags, entsize;
	uint64_t addr;			/* where the debug info takes it to be: unit_read_dwarf() */
	bool is_alloc;
	struct unit_reloc *relocs;	/* by offset */
	size_t n_relocs;
	uint32_t first_piece, n_pieces;	/* by address */
};

/* A part of the object that is compared, replaced or copied as a whole. */
struct piece {
	const char *name;		/* of its symbol; without one, of its section */
	const struct symbol *symbol;	/* NULL: it has no name of its own */
	enum piece_kind kind;
	uint32_t section;
	uint64_t start, size;		/* in the section */
	uint64_t end;			/* where the next piece starts; padding may be before it */
	uint32_t first_reloc, n_relocs;	/* in its section's relocs */
	bool leaves_unseen;		/* it may go to another piece of its section by what is no relocation */
	/* placed.c sets where it is in the patch. */
	bool is_placed;
	uint64_t addr;
	/* compare.c sets which piece of the original object it was, and in what it differs. */
	const struct piece *twin;
	uint8_t verdict;
	char *why;			/* the difference in words; the piece owns it */
	/* auto.c and what it calls set what becomes of it. */
	enum piece_fate fate;
	bool has_counterpart;
	bool is_overridden;		/* it is weak, and the target has another file's in its place */
	bool is_changed;		/* since the original; without an original every function is */
	bool is_closed_over, is_reached, is_followed;
	bool is_hook;			/* a function that nsb has the process run: VZP_PRE_APPLY and its like */
	struct definition counterpart;	/* the target's own, if has_counterpart */
};

/* An object file, taken apart. */
struct unit {
	struct elffile file;
	const struct arch *arch;
	const char *source;		/* the name in STT_FILE; "" if there is none */
	struct unit_section *sections;	/* by index */
	size_t n_sections;
	struct piece *pieces;
	size_t n_pieces;
	struct dwarf dwarf;		/* of an original object; empty if it has no debug info */
	uint8_t *debug[DWARF_N_SECTIONS];
	struct dwarf_row *rows;		/* numbers.c: lines of the code, where the debug info takes it to be */
	size_t n_rows;
	/* auto.c and counterpart.c set these. */
	struct unit *original;
	const struct dwarf_unit *patch_unit, *target_unit;	/* NULL if not known */
	char *target_path;
};

/*
 * Open an object file and take it apart.  The answer is -EINVAL or -ENOEXEC with a message for
 * a file that is no object of code, or that cannot be patched.
 */
int unit_open(struct unit *unit, const char *path) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void unit_close(struct unit *unit);

/*
 * Index the object's own debug info, as if the object were linked.  An object without any is no
 * error.
 */
int unit_read_dwarf(struct unit *unit) MUST_CHECK;

/* Is the piece constant while the program runs? */
bool is_constant(const struct unit *unit, const struct piece *piece);
/* Does the linker merge it with others of the same contents? */
bool is_mergeable(const struct unit *unit, const struct piece *piece);
/* Did the compiler make and number it, as it does with __func__.0 and CSWTCH.3? */
bool is_made_by_compiler(const struct piece *piece);

/*
 * May the linker take another file's strong definition in place of this weak one?  In a group,
 * as inline functions of C++ are, all files have the same definition.
 */
bool may_be_overridden(const struct unit *unit, const struct piece *piece);

/*
 * Length of a name without the numbers that the compiler put at its end: of "calls.0" 5, of
 * "f.part.1" 6.
 */
size_t stem_length(const char *name);
/*
 * Has the function's name a suffix of the compiler's, as f.cold, f.part.0, f.constprop.0 and
 * f.isra.0 have?
 */
bool is_clone(const struct piece *piece);

/*
 * Are the relocation's bytes the operand of a direct call or jump?  reloc_is_call() counts
 * calls and jumps through a slot of the GOT as well.
 */
bool reloc_is_branch(const struct unit *unit, const struct piece *piece,
		     const struct unit_reloc *reloc);
bool reloc_is_call(const struct unit *unit, const struct piece *piece,
		   const struct unit_reloc *reloc);

/*
 * The piece that a relocation leads to, or NULL if its symbol is not defined here.  *offset is
 * the distance from the piece's start that the relocation adds, less its bias.
 */
struct piece *reloc_piece(const struct unit *unit, const struct unit_reloc *reloc,
			  int64_t *offset);

/* The piece of a global symbol; NULL if the unit does not define it. */
struct piece *unit_find_global(const struct unit *unit, const char *name);

#endif
