/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draft: the metadata while it is drawn up, and what the checks need to know
 * beyond it.  Both modes of the generator fill one.
 */
#ifndef NSB_GEN_DRAFT_H
#define NSB_GEN_DRAFT_H

#include "find.h"
#include "vzpatch.h"

/* Beside funcs[i]: the function in both files' debug info. */
struct replaced {
	struct definition new;		/* in the patch */
	struct definition old;		/* in the target */
	uint8_t first[FIRST_BYTES_MAX];
};

struct draft {
	const struct binary *target, *patch;
	char **objects, **originals;	/* auto mode: the patch's object files, and the target's */
	size_t n_objects, n_originals;
	bool is_quiet, no_abi_check;
	struct vzpatch meta;		/* strings and blobs belong to the binaries and to this */
	struct replaced **replaced;	/* meta.n_funcs of them */
	size_t n_new;			/* functions of the patch that the target has not */
	char **owned;			/* strings that meta points to */
	size_t n_owned;
};

/* Fills in who is patched by what; -EINVAL where the two files cannot go together. */
int draft_init(struct draft *draft, const struct binary *target,
	       const struct binary *patch) MUST_CHECK;
void draft_deinit(struct draft *draft);

/* The patch's function `new` replaces the target's `old`; flags: enum vz_func_flags. */
int draft_add_function(struct draft *draft, const struct definition *new, const struct definition *old,
		       uint64_t flags) MUST_CHECK;
int draft_add_range(struct draft *draft, size_t func, uint64_t addr, uint64_t size) MUST_CHECK;
int draft_add_dynref(struct draft *draft, uint32_t symbol, const struct definition *meant) MUST_CHECK;
int draft_add_place(struct draft *draft, const struct vz_place *place) MUST_CHECK;
int draft_add_comment(struct draft *draft, const char *key, const char *text) MUST_CHECK;

/* Index in meta.funcs of the one that replaces the target's code at `addr`, or SIZE_MAX. */
size_t draft_find(const struct draft *draft, uint64_t addr);

/* -EINVAL and a message that begins with file and line of the new function. */
int refuse_function(const struct draft *draft, const struct replaced *replaced,
		    const char *why) MUST_CHECK;

#endif
