/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * patchfile: reads and checks the file of a patch.
 *
 * The file is opened once and read whole, so nsb loads the bytes that it has checked, even if
 * the file changes afterwards.  nsb uses only the PT_LOAD segments and the section vzpatch;
 * checksums cover both.
 */
#ifndef NSB_PATCHFILE_H
#define NSB_PATCHFILE_H

#include "elf.h"
#include "vzpatch.h"

/* An open patch.  It must not be moved: `elf` reads through a pointer to it. */
struct patchfile {
	char *path;
	uint8_t *bytes;		/* the whole file */
	size_t size;
	/*
	 * The PT_LOADs, each at p_vaddr - image_lo; .bss and holes are zeros.  In the ELF headers,
	 * which are a part of it, the fields that patchfile_load_crc() names are zero.
	 */
	uint8_t *image;
	uint64_t image_lo, image_size;	/* image_lo is page-aligned */
	struct elf elf;		/* reads the image; its addresses are link-time addresses */
	struct vzpatch meta;
};

/*
 * Open a patch, read it and check it.  Errors, each with a message: those of open(2), and
 * -ENOEXEC if it is no ELF file, no shared object, has no build-id or no section vzpatch, is
 * damaged, truncated, of a newer version, or its checksum is wrong; or if it has text
 * relocations, a segment that is writable and executable, thread-local variables of its own,
 * or constructors.
 */
int patchfile_open(struct patchfile *file, const char *path) MUST_CHECK;
/* The same for a file that is open already.  The descriptor is closed in any case. */
int patchfile_read(struct patchfile *file, const char *path, int fd) MUST_CHECK;
/* The same for nsb-gen, which makes the section vzpatch: it is not read. */
int patchfile_open_plain(struct patchfile *file, const char *path) MUST_CHECK;
/*
 * The same for a file of these bytes, which are copied.  A patch in auto mode, which has_units,
 * may have constructors and thread-local variables, since these are copies of the target's own.
 */
int patchfile_copy_plain(struct patchfile *file, const char *path, const uint8_t *bytes, size_t size,
			 bool has_units) MUST_CHECK;
void patchfile_deinit(struct patchfile *file);

/*
 * The CRC-32 of the image.  It covers the ELF header and the program headers, which are in the
 * image.  e_shoff, e_shentsize, e_shnum, e_shstrndx, p_offset and p_paddr are taken for zero, so
 * that strip -g and added sections do not change the value.
 */
uint32_t patchfile_load_crc(const struct patchfile *file);

#endif
