/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf: a bounded reader of ELF images, both classes, into neutral structs.
 *
 * Knows no process and no file: it reads through `struct bytes`, a function
 * that copies `size` bytes at an address or fails.  The same code thus reads a
 * loaded object out of a target's memory (address = run-time address) and a
 * patch file by its PT_LOADs (address = p_vaddr, bias 0).  Nothing is trusted.
 */
#ifndef NSB_ELF_H
#define NSB_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"
#include "vzpatch.h"

/*
 * Where bytes come from.  read() returns 0 or -errno, all or nothing; it does
 * not call fail().
 */
struct bytes {
	int (*read)(const struct bytes *self, uint64_t addr, void *buf, size_t size);
	const void *ctx;
};

struct elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

struct elf_sym {
	uint64_t value, size;
	uint32_t name;		/* offset in the string table */
	uint16_t shndx;
	uint8_t bind, type, visibility;
};

struct elf_rel {
	uint64_t offset;
	uint32_t type, symbol;
	int64_t addend;		/* 0 for SHT_REL: it is in the bytes */
};

/* The tables that PT_DYNAMIC names, as run-time addresses (bias included). */
struct elf_dynamic {
	uint64_t symtab, strtab, strsz;
	uint64_t gnu_hash, hash;
	uint64_t versym, verdef, verneed, n_verdef, n_verneed;
	uint64_t rel, relsz, jmprel, jmprelsz, relr, relrsz;
	uint64_t pltgot, init, fini, init_array, init_arraysz, fini_array, fini_arraysz;
	uint64_t preinit_arraysz;
	uint64_t debug;		/* DT_DEBUG's value: struct r_debug */
	uint64_t soname;	/* offset in strtab, 0 if none */
	uint64_t flags, flags_1;
	bool rela;		/* entries of rel carry addends */
	bool jmprel_rela;
	bool textrel, symbolic;
	uint32_t n_needed;	/* first needed names */
	uint64_t needed[256];	/* offsets in strtab */
};

/* One ELF image seen through `bytes`. */
struct elf {
	struct bytes bytes;
	uint64_t bias;		/* run-time address - p_vaddr */
	uint8_t elf_class;	/* ELFCLASS32 or ELFCLASS64 */
	uint16_t machine, type;
	uint64_t entry;		/* e_entry, without bias */
	uint64_t phoff;		/* e_phoff; 0 after elf_open_phdrs() */
	struct elf_phdr *phdrs;	/* owned */
	size_t n_phdrs;
	uint64_t lo, hi;	/* extent of the PT_LOADs: run-time addresses [lo, hi) */
	bool has_dynamic;
	struct elf_dynamic dyn;
	uint32_t n_dynsyms;	/* counted through the hash tables or DT_* extent */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;	/* 0: none */
};

/*
 * Read the headers of the image whose ELF header is at run-time address
 * `header`.  The bias comes from PT_LOAD: header belongs to the one with
 * p_offset 0.  Errors: -ENOEXEC with a message, -ENOMEM.
 */
int elf_open(struct elf *elf, struct bytes bytes, uint64_t header) MUST_CHECK;

/* Only the header and the program headers: lo, hi, bias and all tables stay 0. */
int elf_open_headers(struct elf *elf, struct bytes bytes, uint64_t header) MUST_CHECK;

/* The same of a file, whose bytes are at their offsets, and its build-id. */
int elf_open_file_headers(struct elf *elf, struct bytes bytes) MUST_CHECK;

/* The same as elf_open() where the program headers' address and count are known (AT_PHDR). */
int elf_open_phdrs(struct elf *elf, struct bytes bytes, uint8_t elf_class, uint16_t machine,
		   uint16_t type, uint64_t phdrs, size_t n_phdrs) MUST_CHECK;
void elf_deinit(struct elf *elf);

/* Dynamic symbol `index`; a NUL-terminated name of at most `size` bytes at strtab offset. */
int elf_dynsym(const struct elf *elf, uint32_t index, struct elf_sym *out) MUST_CHECK;
int elf_dynstr(const struct elf *elf, uint64_t offset, char *name, size_t size) MUST_CHECK;

/*
 * Find a dynamic symbol that is defined, or has a PLT entry's address, by name (DT_GNU_HASH, else DT_HASH).  version
 * may be NULL (the default one), else the required version's name.  A symbol
 * bound to a hidden version (versym bit 15) matches only by that version.
 * 0 and *index, or -ENOENT without a message; -ENOEXEC where tables lie.
 */
int elf_lookup(const struct elf *elf, const char *name, const char *version,
	       uint32_t *index, struct elf_sym *sym) MUST_CHECK;

/*
 * Version that symbol `index` of this image asks for (verneed) or defines
 * (verdef): its name into `version` ("" if none).  *weak: VER_FLG_WEAK.
 */
int elf_symbol_version(const struct elf *elf, uint32_t index, char *version, size_t size,
		       bool *weak) MUST_CHECK;

/*
 * Call `each` for every dynamic relocation: DT_RELR (as type `relative_type`),
 * DT_REL(A), DT_JMPREL.  A non-zero return ends the walk and is returned.
 */
int elf_each_reloc(const struct elf *elf, uint32_t relative_type,
		   int (*each)(const struct elf_rel *rel, bool has_addend, void *ctx),
		   void *ctx) MUST_CHECK;

#endif
