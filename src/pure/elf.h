/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf: reads ELF images of both classes, into structs that are the same for both.
 *
 * It reads through `struct bytes`, a function that copies bytes from an address.  So the same
 * code reads an object from a target's memory, where addresses are run-time addresses, and a
 * patch file by its PT_LOADs, where they are p_vaddr and the bias is 0.  It believes nothing
 * that it reads: every number is checked before it is used.
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
 * Where bytes come from.  read() copies all `size` bytes and returns 0, or returns -errno
 * without a message.
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
	int64_t addend;		/* 0 for SHT_REL, where it is in the bytes to be relocated */
};

/* The tables that PT_DYNAMIC names, as run-time addresses (bias included). */
struct elf_dynamic {
	uint64_t symtab, strtab, strsz;
	uint64_t gnu_hash, hash;
	uint64_t versym, verdef, verneed, n_verdef, n_verneed;
	uint64_t rel, relsz, jmprel, jmprelsz, relr, relrsz;
	uint64_t pltgot, init, fini, init_array, init_arraysz, fini_array, fini_arraysz;
	uint64_t preinit_arraysz;
	uint64_t debug;		/* DT_DEBUG: address of struct r_debug */
	uint64_t soname;	/* offset in strtab, 0 if none */
	uint64_t flags, flags_1;
	bool rela;		/* the entries of rel have addends */
	bool jmprel_rela;
	bool textrel, symbolic;
	bool has_unknown;	/* there is a tag of which nsb does not know what it asks of a linker, */
	uint64_t unknown;	/* the first one: Android's packed relocations, for example */
	uint32_t n_needed;
	uint64_t *needed;	/* DT_NEEDED, the first ones: offsets in strtab; owned by struct elf */
};

/* One ELF image, which is read through `bytes`. */
struct elf {
	struct bytes bytes;
	uint64_t bias;		/* what is added to p_vaddr to get a run-time address */
	uint8_t elf_class;	/* as arch_class_word() knows it */
	uint16_t machine, type;
	uint64_t entry;		/* e_entry, without the bias */
	uint64_t phoff;		/* e_phoff; 0 after elf_open_phdrs() */
	struct elf_phdr *phdrs;	/* owned */
	size_t n_phdrs;
	uint64_t lo, hi;	/* the PT_LOADs lie in [lo, hi), run-time addresses */
	bool has_dynamic;
	struct elf_dynamic dyn;
	uint32_t n_dynsyms;	/* counted by the hash tables, or by where the next table begins */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;	/* 0 if there is none */
};

/* Are its addresses 64 bits wide? */
bool elf_is_64(const struct elf *elf);

/*
 * Read the headers and tables of the image whose ELF header is at run-time address `header`.
 * The bias follows from the PT_LOAD with p_offset 0, which begins with that header.  Errors,
 * with a message: -ENOEXEC, -ENOMEM.
 */
int elf_open(struct elf *elf, struct bytes bytes, uint64_t header) MUST_CHECK;

/* Read the ELF header and the program headers only; lo, hi, bias and all tables are 0 then. */
int elf_open_headers(struct elf *elf, struct bytes bytes, uint64_t header) MUST_CHECK;

/* The same of a file, whose bytes are at their offsets, and its build-id. */
int elf_open_file_headers(struct elf *elf, struct bytes bytes) MUST_CHECK;

/* The DT_SONAME of such a file, "" if it has none; a longer one is cut. */
void elf_file_soname(const struct elf *elf, char *name, size_t size);

/* The same as elf_open(), by the address and the number of the program headers (AT_PHDR, AT_PHNUM). */
int elf_open_phdrs(struct elf *elf, struct bytes bytes, uint8_t elf_class, uint16_t machine,
		   uint16_t type, uint64_t phdrs, size_t n_phdrs) MUST_CHECK;
void elf_deinit(struct elf *elf);

/* Read dynamic symbol `index`, and the NUL-terminated name, of at most `size` bytes, at an offset in strtab. */
int elf_dynsym(const struct elf *elf, uint32_t index, struct elf_sym *out) MUST_CHECK;
int elf_dynstr(const struct elf *elf, uint64_t offset, char *name, size_t size) MUST_CHECK;

/*
 * Find a dynamic symbol by its name (DT_GNU_HASH, else DT_HASH).  The symbol has to be defined,
 * or to have the address of a PLT entry.  `version` is the name of the version that is asked
 * for, or NULL for the default version.  A symbol with a hidden version (versym bit 15) is
 * found by that version only.  -ENOENT without a message: there is none.  -ENOEXEC with a
 * message: a table is damaged.
 */
int elf_lookup(const struct elf *elf, const char *name, const char *version,
	       uint32_t *index, struct elf_sym *sym) MUST_CHECK;

/*
 * Find the version that symbol `index` of this image asks for (verneed) or defines (verdef).
 * Its name is copied into `version`, "" if it has none.  *weak tells of VER_FLG_WEAK.
 */
int elf_symbol_version(const struct elf *elf, uint32_t index, char *version, size_t size,
		       bool *weak) MUST_CHECK;

/*
 * Call `each` for every dynamic relocation: of DT_RELR, with type `relative_type`, of DT_REL or
 * DT_RELA, and of DT_JMPREL.  If `each` does not return 0, the walk ends and returns the same.
 */
int elf_each_reloc(const struct elf *elf, uint32_t relative_type,
		   int (*each)(const struct elf_rel *rel, bool has_addend, void *ctx),
		   void *ctx) MUST_CHECK;

#endif
