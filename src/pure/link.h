/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: place and relocate the image of a patch.  Pure: bytes in, bytes out.
 *
 * Relocation types are translated by struct arch to neutral kinds; the
 * algorithm exists once.  What a symbol means in the target is asked of a
 * callback, so that tests and fuzzers need no process.
 */
#ifndef NSB_LINK_H
#define NSB_LINK_H

#include "arch.h"
#include "patchfile.h"

/* A symbol of the patch that has to be found in the target. */
struct link_symbol {
	const char *name;
	const char *version;	/* "" if none is asked for */
	bool weak;
	uint8_t type;		/* STT_* as the patch has it */
};

/* Where a thread-local variable of the target is. */
struct link_tls {
	uint64_t module;	/* number of its module, 0 if unknown */
	uint64_t offset;	/* in the module's block */
	uint64_t from_pointer;	/* its address less the thread pointer, */
	bool is_static;		/* where that is the same in all threads */
};

struct link_resolver {
	/*
	 * Find a symbol by the dynamic linker's rules: 0 and its run-time address
	 * (0 for a weak one that is not there), or -errno with a message.
	 */
	int (*find)(const struct link_symbol *symbol, uint64_t *address, void *ctx);
	/*
	 * The same for a thread-local variable; without a symbol the one at `offset` of
	 * the target object's own block.
	 */
	int (*find_tls)(const struct link_symbol *symbol, uint64_t offset, struct link_tls *tls,
			void *ctx);
	void *ctx;
};

/* A page-aligned part of the image with one protection. */
struct link_segment {
	uint64_t offset, size;	/* in the image, multiples of the page size */
	int prot;		/* PROT_* */
};

/* The finished image: what has to stand at `base` in the target. */
struct link_image {
	uint8_t *bytes;		/* owned */
	uint64_t size;		/* multiple of the page size */
	uint64_t base;		/* run-time address of bytes[0], page-aligned */
	uint64_t bias;		/* run-time address - link-time address of the patch */
	struct link_segment *segments;	/* owned; in ascending order, no holes */
	size_t n_segments;
};

/* Bytes of address space that the image takes, a multiple of the page size. */
uint64_t link_size(const struct patchfile *patch);

/*
 * Lay out and relocate `patch` for `base`.  target_bias turns the link-time
 * target addresses in the metadata into run-time ones.  Rules:
 *   - a dynamic symbol with a vz_dynref is target_bias + its target_addr, or, if its
 *     type is STT_TLS, at that offset of the target's thread-local storage;
 *   - __tls_get_addr, where the process has none, and what TLS descriptors lead to is
 *     code that follows the patch in its image;
 *   - one that the patch defines and that is a replaced function (vz_func with
 *     patch_addr == st_value) means the target's function, so that stacked
 *     patches and compared addresses agree; R_*_RELATIVE words that hold the
 *     start of a replaced function likewise; any other own symbol is the patch's;
 *   - the rest is asked of `resolver`;
 *   - TLS relocations without a symbol are of the patch's own block, which is not
 *     there: the module is the target's, offsets are left to vz_place records;
 *   - vz_place records are applied last.
 * Refused with name, type number and offset: unknown types, COPY and
 * IRELATIVE; what TLS variables cannot give; -ERANGE where a value does not fit: the place is out of reach.
 */
int link_image(const struct patchfile *patch, const struct arch *arch, uint64_t base,
	       uint64_t target_bias, const struct link_resolver *resolver,
	       struct link_image *out) MUST_CHECK;
/* A readable and executable segment of zeros behind the rest, of whole pages.  -ENOMEM. */
int link_extend(struct link_image *image, uint64_t size) MUST_CHECK;
void link_image_deinit(struct link_image *image);

#endif
