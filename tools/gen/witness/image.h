/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image: a linked file as what lies at its addresses: sections, symbols, dynamic relocations.
 *
 * Code refers to things by their addresses, and those differ from build to build.  The image
 * tells what an address means: an offset in a variable or function, a slot of the global offset
 * table, an entry of the procedure linkage table, or a constant without a name.
 */
#ifndef NSB_GEN_IMAGE_H
#define NSB_GEN_IMAGE_H

#include "arch.h"
#include "elffile.h"

#define IMAGE_NONE UINT32_MAX	/* there is no index */

/* What a section holds. */
enum area {
	AREA_NONE,		/* the address is in no section */
	AREA_CODE,
	AREA_STUBS,		/* .plt and its like */
	AREA_SLOTS,		/* .got and its like */
	AREA_CONSTANT,		/* nobody changes it once the program runs */
	AREA_VARIABLE,
};

struct image_section {
	const char *name;
	uint64_t addr, end;
	const uint8_t *bytes;	/* NULL: zeros, which are not in the file */
	enum area area;
	uint32_t index;		/* of its header */
};

/* A symbol of a function or variable, or a mark that the linker or an assembler file set. */
struct image_symbol {
	uint64_t addr;		/* of a thread-local variable it is an offset in the block */
	uint64_t size;
	const char *name;
	uint32_t stem;		/* bytes of the name without the compiler's number: 5 of "calls.1" */
	uint32_t number;	/* that number; UINT32_MAX: the name has none */
	uint32_t unit;		/* index of the unit that it is local to; IMAGE_NONE: it is global */
	uint32_t spot;
	uint32_t twin;		/* index of the same symbol in the other image; match.c sets it */
	bool is_code, is_tls;
	bool is_mark;		/* it names an address and no thing, as "_end" does */
};

/* A source file by the symbols of type STT_FILE. */
struct image_unit {
	const char *name;	/* without its folder; "" for what was made by link-time optimisation */
	uint32_t ordinal;	/* units before it that have its name */
};

/* All symbols of one address. */
struct spot {
	uint64_t addr, end;	/* end: of the largest symbol; of code without a size up to what follows */
	uint32_t first, count;	/* symbols */
	uint32_t around;	/* the spot that this one lies within; IMAGE_NONE: in none */
	bool is_code;
};

/* A dynamic relocation. */
struct image_reloc {
	uint64_t place;
	uint64_t addend;
	const char *symbol;	/* NULL: it has none */
	enum reloc_kind kind;
	uint8_t width;
};

struct image {
	const struct elffile *file;
	const struct arch *arch;
	const struct gen_arch *gen;
	bool has_fixed_place;		/* addresses in it are numbers in code and data */
	uint64_t entry;			/* where the program begins */
	uint64_t got;			/* what code of i386 counts from; 0: nothing */
	uint64_t tls_start, tls_filled;	/* thread-local variables: address and bytes of their initial values */
	uint64_t tls_size;		/* of the block, aligned: variables lie below the thread pointer */
	struct image_section *sections;	/* by address */
	struct image_symbol *symbols;	/* by address, variables of threads behind all others */
	struct image_unit *units;
	struct spot *spots;		/* by address */
	struct image_reloc *relocs;	/* by place */
	size_t n_sections, n_symbols, n_units, n_spots, n_relocs;
	size_t n_plain;			/* symbols that are not thread-local */
};

/* Where an address is. */
struct whereabouts {
	const struct image_section *section;	/* NULL: in none */
	enum area area;
	uint32_t spot;			/* IMAGE_NONE: no symbol tells what is there */
	uint64_t offset;		/* in the spot, or in the section */
};

/*
 * Read a linked file.  `symbols` may be those of its debug file; both have to outlive the image.
 * Errors, with a message: -ENOEXEC for a file that is not linked, damaged, or has no symbols;
 * -ENOMEM.
 */
int image_init(struct image *image, const struct elffile *file, const struct symbols *symbols) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void image_deinit(struct image *image);

struct whereabouts image_at(const struct image *image, uint64_t addr);

/* The section that an address is in; NULL: none. */
const struct image_section *image_section_at(const struct image *image, uint64_t addr);

/* The bytes from an address up to the end of its section, *size of them; NULL: there are none in the file. */
const uint8_t *image_bytes(const struct image *image, uint64_t addr, uint64_t *size);

/* A word of the image's width at an address; false if the file does not have it. */
bool image_word(const struct image *image, uint64_t addr, uint64_t *out);

/* The first relocation at or behind an address: an index, which may be n_relocs. */
size_t image_reloc_from(const struct image *image, uint64_t addr);
/* The relocation of just that place; NULL: there is none. */
const struct image_reloc *image_reloc_at(const struct image *image, uint64_t addr);

/* The slot that a stub at an address jumps through; false: it is no stub. */
bool image_stub_slot(const struct image *image, uint64_t addr, uint64_t *slot);

/* The thread-local variable at an offset in the block; IMAGE_NONE: there is none. */
uint32_t image_tls_at(const struct image *image, uint64_t offset);

/* The name of a spot for messages: that of its first symbol that is no mark. */
/* Whether linkers name something so, in some files as if it were a variable. */
bool image_is_of_linker(const char *name);
const char *image_spot_name(const struct image *image, uint32_t spot);

#endif
