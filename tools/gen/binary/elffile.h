/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elffile: an ELF file on disk, read by libelf: sections, symbols, loaded bytes.
 *
 * Everything that the functions hand out points into the file's memory, and lives as long as
 * the struct elffile.
 */
#ifndef NSB_GEN_ELFFILE_H
#define NSB_GEN_ELFFILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dwarf.h"
#include "gen_arch.h"
#include "msg.h"
#include "vzpatch.h"

/* The symbol of the begin of the block of thread-local variables, which linkers define where code asks for it. */
#define TLS_BLOCK "_TLS_MODULE_BASE_"

/* SHT_RELR, for which older elf.h has no name. */
enum { SECTION_RELR = 19 };

/* A symbol, as symbol tables of both classes have it. */
struct symbol {
	const char *name;
	uint64_t value, size;
	uint32_t index;			/* in the table that it is of */
	uint16_t section;		/* also SHN_UNDEF, SHN_ABS and so on */
	uint8_t type, bind, visibility;
};

/* A symbol table. */
struct symbols {
	struct symbol *table;		/* in the file's order, without number 0 */
	size_t count;
};

/* An open ELF file. */
struct elffile {
	char *path;
	int fd;
	uint8_t *bytes;			/* all of the file; libelf reads these, and decompresses in place */
	size_t size;
	uint8_t *original;		/* elffile_open_kept(): the bytes as they were read; else NULL */
	Elf *elf;
	size_t strings;			/* index of the section with the names of sections */
	uint8_t elf_class;
	uint16_t machine, type;
	const struct gen_arch *gen;	/* NULL: nsb-gen does not know what it is for */
	GElf_Phdr *phdrs;
	size_t n_phdrs;
	bool is_static;			/* it has neither PT_INTERP nor needed libraries, so no dynamic linker */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;		/* 0: it has none */
	struct symbols symtab, dynsym;
};

/*
 * Open a file and read its headers and symbols.  Errors are those of open(2), and -ENOEXEC for
 * a file that is damaged, no regular file, or no little-endian ELF file.
 */
int elffile_open(struct elffile *file, const char *path) MUST_CHECK;
/* The same, and keep the bytes as they were read. */
int elffile_open_kept(struct elffile *file, const char *path) MUST_CHECK;
/* Open the original of a file once more, without symbols: nothing is read from the disk. */
int elffile_open_again(struct elffile *file, const struct elffile *from) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void elffile_close(struct elffile *file);

/* The section of that name, and its header in *shdr; NULL if there is none. */
Elf_Scn *elffile_section(const struct elffile *file, const char *name, GElf_Shdr *shdr);

/*
 * A section's bytes, uncompressed.  Size 0 means that there is no such section.  -ENOEXEC if it
 * is damaged.
 */
int elffile_bytes(const struct elffile *file, const char *name, struct dwarf_bytes *out) MUST_CHECK;

/*
 * Copy `size` bytes that the file has loaded at address `addr`; false if it does not have all
 * of them.
 */
bool elffile_read(const struct elffile *file, uint64_t addr, void *buf, size_t size);

/*
 * Where the bytes that the file has loaded at address `addr` are in what elffile_open_kept() has kept, to be changed; NULL if it does
 * not have all of them.
 */
uint8_t *elffile_kept(const struct elffile *file, uint64_t addr, uint64_t size);

/*
 * The bounds of the executable section around an address; of the segment in a file without
 * sections.
 */
bool elffile_code_around(const struct elffile *file, uint64_t addr, uint64_t *lo, uint64_t *hi);

/* DT_PLTGOT, from which code of i386 counts its GOTOFF distances; 0 if there is none. */
uint64_t elffile_got(const struct elffile *file);

/* Is the address in memory that stays writable when the program runs? */
bool elffile_is_writable(const struct elffile *file, uint64_t addr);

/* A file's name without its folder. */
const char *base_name(const char *path);

#endif
