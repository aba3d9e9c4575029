/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elffile: an ELF file on disk, by libelf: sections, symbols, loaded bytes.
 *
 * Everything that is handed out points into the file's memory and lives as
 * long as the struct elffile.
 */
#ifndef NSB_GEN_ELFFILE_H
#define NSB_GEN_ELFFILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dwarf.h"
#include "msg.h"
#include "vzpatch.h"

struct symbol {
	const char *name;
	uint64_t value, size;
	uint32_t index;			/* in its own table */
	uint16_t section;		/* SHN_UNDEF, SHN_ABS... */
	uint8_t type, bind, visibility;
};

struct symbols {
	struct symbol *table;		/* in the file's order, without no. 0 */
	size_t count;
};

struct elffile {
	char *path;
	int fd;
	Elf *elf;
	size_t strings;			/* index of the section that has the sections' names */
	uint8_t elf_class;
	uint16_t machine, type;
	GElf_Phdr *phdrs;
	size_t n_phdrs;
	bool is_static;			/* neither PT_INTERP nor needed libraries: no dynamic linker */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;		/* 0: none */
	struct symbols symtab, dynsym;
};

/* Errors: from open(2), or -ENOEXEC: no ELF, of another machine than x86, damaged. */
int elffile_open(struct elffile *file, const char *path) MUST_CHECK;
/* Harmless on a zeroed struct. */
void elffile_close(struct elffile *file);

/* Section by name; NULL if there is none.  The header goes to *shdr. */
Elf_Scn *elffile_section(const struct elffile *file, const char *name, GElf_Shdr *shdr);

/* A section's bytes, uncompressed; size 0 where there is none.  -ENOEXEC if damaged. */
int elffile_bytes(const struct elffile *file, const char *name, struct dwarf_bytes *out) MUST_CHECK;

/* Copy `size` loaded bytes at address `addr`; false where the file has not all of them. */
bool elffile_read(const struct elffile *file, uint64_t addr, void *buf, size_t size);

/* The executable section (in a file without sections: segment) around an address. */
bool elffile_code_around(const struct elffile *file, uint64_t addr, uint64_t *lo, uint64_t *hi);

/* DT_PLTGOT, what i386 code adds its GOTOFF distances to; 0 if there is none. */
uint64_t elffile_got(const struct elffile *file);

/* File name without directory. */
const char *base_name(const char *path);

#endif
