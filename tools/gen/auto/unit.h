/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: an object file of the patch's author, taken apart.
 *
 * What is loaded of it is divided into pieces: a function, a named variable, or
 * a section without names (strings, constants, jump tables).  Every relocation
 * belongs to a piece and leads to a piece, or to a symbol that is defined
 * elsewhere.  Nothing in the file is trusted.
 */
#ifndef NSB_GEN_UNIT_H
#define NSB_GEN_UNIT_H

#include "arch.h"
#include "find.h"

enum piece_kind { PIECE_FUNCTION, PIECE_VARIABLE, PIECE_TLS, PIECE_UNNAMED };

/* What becomes of a piece: auto.c. */
enum piece_fate {
	FATE_UNKNOWN,
	FATE_REPLACES,		/* a function: calls of the target's lead to it */
	FATE_TARGET,		/* the target's own one is used */
	FATE_OWN,		/* the patch's copy is used */
};

struct unit_reloc {
	uint64_t offset;		/* in the section */
	const struct reloc_type *type;
	const struct symbol *symbol;	/* NULL: none */
	int64_t addend;
	/* In code, a displacement's: from it to the end of its instruction; else 0. */
	uint8_t bias;
	bool bias_is_guess;		/* the instruction is unknown: 4, as nothing may follow */
};

struct unit_section {
	const char *name;
	const uint8_t *bytes;		/* NULL for .bss */
	uint64_t size, flags, entsize;
	uint64_t addr;			/* in the debug info: where it would be if all were linked */
	bool is_alloc;
	struct unit_reloc *relocs;	/* by offset */
	size_t n_relocs;
	uint32_t first_piece, n_pieces;	/* in order of address */
};

struct piece {
	const char *name;		/* of its symbol, else of its section */
	const struct symbol *symbol;	/* NULL: unnamed */
	enum piece_kind kind;
	uint32_t section;
	uint64_t start, size, end;	/* in the section; the padding up to `end` is the piece's */
	uint32_t first_reloc, n_relocs;	/* in its section */
	/* Where it is in the patch: placed.c. */
	bool is_placed;
	uint64_t addr;
	/* The same piece of the original object: compare.c. */
	const struct piece *twin;
	uint8_t verdict;
	char *why;			/* in what it differs; owned */
	/* auto.c */
	enum piece_fate fate;
	bool has_counterpart;
	bool is_overridden;		/* a weak thing, for which the target has another file's */
	bool is_changed;		/* since the original; all are, where there is none */
	bool is_closed_over, is_reached, is_followed;
	struct definition counterpart;	/* the target's */
};

struct unit {
	struct elffile file;
	const struct arch *arch;
	const char *source;		/* of STT_FILE, "" if there is none */
	struct unit_section *sections;	/* by index */
	size_t n_sections;
	struct piece *pieces;
	size_t n_pieces;
	struct dwarf dwarf;		/* of an original; empty if it has no debug info */
	uint8_t *debug[DWARF_N_SECTIONS];
	/* auto.c: */
	struct unit *original;
	const struct dwarf_unit *patch_unit, *target_unit;	/* in the debug info; NULL if unknown */
	char *target_path;
};

/* -EINVAL or -ENOEXEC with a message for what is no object of code that can be patched. */
int unit_open(struct unit *unit, const char *path) MUST_CHECK;
/* Harmless on a zeroed struct. */
void unit_close(struct unit *unit);

/* Index the object's own debug info, if it has any, as if it were linked. */
int unit_read_dwarf(struct unit *unit) MUST_CHECK;

/* Is the piece constant while the program runs? */
bool is_constant(const struct unit *unit, const struct piece *piece);
/* One that the linker merges with others of the same content. */
bool is_mergeable(const struct unit *unit, const struct piece *piece);
/* A thing that the compiler made and numbered: __func__.0, CSWTCH.3. */
bool is_made_by_compiler(const struct piece *piece);

/*
 * A weak thing, in place of which the linker takes another file's strong one.  Of a group (inline
 * functions of C++) all files have the same.
 */
bool may_be_overridden(const struct unit *unit, const struct piece *piece);

/* Length of a name without the numbers that the compiler put at its end: "calls.0", "f.part.1". */
size_t stem_length(const char *name);
/* Has the function's name a suffix of the compiler's: f.cold, f.part.0, f.constprop.0, f.isra.0? */
bool is_clone(const struct piece *piece);

/* The relocation's bytes are the operand of a call or jump: with is_call, also of one through a slot. */
bool reloc_is_branch(const struct unit *unit, const struct piece *piece,
		     const struct unit_reloc *reloc);
bool reloc_is_call(const struct unit *unit, const struct piece *piece,
		   const struct unit_reloc *reloc);

/*
 * The piece that a relocation leads to, and the distance from the piece's start
 * that it adds, less its bias; NULL if its symbol is not
 * defined here.
 */
struct piece *reloc_piece(const struct unit *unit, const struct unit_reloc *reloc,
			  int64_t *offset);

/* The piece of a global symbol, NULL if there is none. */
struct piece *unit_find_global(const struct unit *unit, const char *name);

#endif
