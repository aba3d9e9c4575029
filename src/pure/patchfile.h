/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * patchfile: a patch as a file: read once, checked, never looked at again.
 *
 * The file is opened once and read whole; what is checked is what is loaded.
 * Only PT_LOAD bytes and the vzpatch section are used, and both are covered by
 * checksums.
 */
#ifndef NSB_PATCHFILE_H
#define NSB_PATCHFILE_H

#include "elf.h"
#include "vzpatch.h"

/* Must stay where it is while open: `elf` reads through it. */
struct patchfile {
	char *path;
	uint8_t *bytes;		/* the whole file */
	size_t size;
	/*
	 * PT_LOADs laid out by p_vaddr - image_lo, .bss and holes zeroed.  Where it
	 * has the ELF headers, fields that only describe the file are zero:
	 * patchfile_load_crc().
	 */
	uint8_t *image;
	uint64_t image_lo, image_size;	/* image_lo is page-aligned */
	struct elf elf;		/* over image, addresses are link-time ones */
	struct vzpatch meta;
};

/*
 * Open, read and verify.  Errors, each with its one line: -ENOENT/-EACCES...
 * from open(2), -ENOEXEC: no ELF, no shared object, no build-id, no vzpatch
 * section, damaged, truncated, newer version, checksum wrong, text relocations,
 * segment that is writable and executable, thread-local variables, constructors.
 */
int patchfile_open(struct patchfile *file, const char *path) MUST_CHECK;
/* The same for a file that is open already; the descriptor is closed. */
int patchfile_read(struct patchfile *file, const char *path, int fd) MUST_CHECK;
/* The same for nsb-gen: no vzpatch section needed, none is looked for. */
int patchfile_open_plain(struct patchfile *file, const char *path) MUST_CHECK;
/*
 * The same for a patch in auto mode: constructors and thread-local variables in it are
 * copies of the target's, and allowed.
 */
int patchfile_open_units(struct patchfile *file, const char *path) MUST_CHECK;
void patchfile_deinit(struct patchfile *file);

/*
 * CRC-32 of the image.  It covers the ELF header and the program headers, which
 * are part of it; e_shoff, e_shentsize, e_shnum, e_shstrndx, p_offset and
 * p_paddr count as zero, so that the value stays the same under strip -g and
 * when sections are added.
 */
uint32_t patchfile_load_crc(const struct patchfile *file);

#endif
