/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: places the image of a patch and relocates it.
 *
 * struct arch translates the relocation types of an architecture to kinds, so the algorithm
 * exists once.  A callback tells what a symbol means in the target, so tests and fuzzers need
 * no process.
 */
#ifndef NSB_LINK_H
#define NSB_LINK_H

#include "arch.h"
#include "patchfile.h"

/* A symbol of the patch that has to be found in the target. */
struct link_symbol {
	const char *name;
	const char *version;	/* "" if the patch asks for no version */
	bool weak;
	uint8_t type;		/* its STT_* in the patch */
};

/* Where a thread-local variable of the target is. */
struct link_tls {
	uint64_t module;	/* number of its module, 0 if unknown */
	uint64_t offset;	/* in the module's block */
	uint64_t from_pointer;	/* its address minus the thread pointer, valid if is_static */
	bool is_static;		/* from_pointer is the same in all threads */
};

struct link_resolver {
	/*
	 * Find a symbol by the dynamic linker's rules.  Returns 0 and sets *address to its run-time
	 * address, which is 0 for a weak symbol that does not exist; or -errno with a message.
	 */
	int (*find)(const struct link_symbol *symbol, uint64_t *address, void *ctx);
	/*
	 * The same for a thread-local variable.  If `symbol` is NULL, the variable is the one at
	 * `offset` of the target object's own block.
	 */
	int (*find_tls)(const struct link_symbol *symbol, uint64_t offset, struct link_tls *tls,
			void *ctx);
	void *ctx;
};

/* A part of the image that has one protection.  It begins and ends at a page. */
struct link_segment {
	uint64_t offset, size;	/* in the image, multiples of the page size */
	int prot;		/* PROT_* */
	bool is_there;		/* the target has it already, as it stayed when the patch was reverted */
};

/* The finished image, which is to be copied to `base` in the target. */
struct link_image {
	uint8_t *bytes;		/* owned */
	uint64_t page;		/* the page size */
	uint64_t size;		/* multiple of it */
	uint64_t base;		/* run-time address of bytes[0], page-aligned */
	uint64_t bias;		/* what is added to a link-time address of the patch */
	struct link_segment *segments;	/* owned; in ascending order, without holes */
	size_t n_segments;
};

/* The bytes of address space that the image takes, a multiple of the page size, `page`. */
uint64_t link_size(const struct patchfile *patch, uint64_t page);

/*
 * Lay out `patch` for address `base`, and relocate it.  target_bias turns the link-time
 * addresses of the target, which the metadata has, into run-time addresses.  The rules:
 *   - A dynamic symbol with a vz_dynref is at target_bias + its target_addr; if its type is
 *     STT_TLS, target_addr is an offset in the target's thread-local storage.
 *   - If the process has no __tls_get_addr, that symbol means code behind the patch in its
 *     image.  TLS descriptors lead to code there, too.
 *   - A symbol that the patch defines, and that is a replaced function (a vz_func with
 *     patch_addr == st_value), means the target's function.  So patches that are stacked agree
 *     on its address, and so do pointers that are compared.  The same is true of R_*_RELATIVE
 *     words that hold the start of a replaced function.  Every other symbol that the patch
 *     defines is the patch's own.
 *   - `resolver` tells the meaning of all other symbols.
 *   - A TLS relocation without a symbol is for the patch's own block, which does not exist in
 *     the target.  The module number is the target's; vz_place records give the offsets.
 *   - The vz_place records are applied last.
 * -ENOEXEC, with a message that names symbol, type number and offset: types that are not known,
 * COPY and IRELATIVE, and what a TLS variable cannot give.  -ERANGE: a value does not fit, as
 * the image is too far away from what it refers to.  -ENOEXEC, too: the patch was linked for smaller pages.
 */
int link_image(const struct patchfile *patch, const struct arch *arch, uint64_t page, uint64_t base,
	       uint64_t target_bias, const struct link_resolver *resolver,
	       struct link_image *out) MUST_CHECK;
/* Append a readable and executable segment of `size` zeros, whole pages.  -ENOMEM with a message. */
int link_extend(struct link_image *image, uint64_t size) MUST_CHECK;
void link_image_deinit(struct link_image *image);

#endif
