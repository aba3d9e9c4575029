/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draft: the metadata while it is drawn up, and what the checks have to know beyond it.  Both
 * modes fill a draft.
 */
#ifndef NSB_GEN_DRAFT_H
#define NSB_GEN_DRAFT_H

#include "find.h"
#include "vzpatch.h"

/* What belongs to meta.funcs[i]: the function in both files. */
struct replaced {
	struct definition new;		/* in the patch */
	struct definition old;		/* in the target */
	uint8_t first[FIRST_BYTES_MAX];
	bool callers_checked;		/* the author says so: VZP_CALLERS_CHECKED */
	bool is_refused;		/* for what its callers rely on */
};

/* Builds of the program, which the witness compares. */
struct witness;

/* Messages that are told at the end: refusals.h. */
struct refusals {
	char **table;
	size_t count;
};

/* A patch while its metadata is drawn up. */
struct draft {
	const struct binary *target, *patch;
	char **objects, **originals;	/* auto mode: the object files of the patch, and of the target */
	size_t n_objects, n_originals;
	bool is_quiet, no_abi_check;
	const struct witness *witness;	/* NULL: the author gave no builds with and without the fix */
	bool is_strict;			/* what would be a note is a refusal */
	bool accepts_difference;	/* the old build need not be the target */
	struct refusals *refusals;
	struct vzpatch meta;		/* strings and blobs belong to the binaries and to this */
	struct replaced **replaced;	/* meta.n_funcs of them */
	size_t n_new;			/* functions of the patch that the target does not have */
	char **owned;			/* strings that meta points to */
	size_t n_owned;
};

/*
 * Begin a draft: which file is patched, and by which.  The answer is -EINVAL with a message if
 * the two files cannot go together.
 */
int draft_init(struct draft *draft, const struct binary *target,
	       const struct binary *patch) MUST_CHECK;
void draft_deinit(struct draft *draft);

/* The patch's function `new` replaces the target's `old`.  flags: enum vz_func_flags. */
int draft_add_function(struct draft *draft, const struct definition *new, const struct definition *old,
		       uint64_t flags) MUST_CHECK;

/*
 * Add to the metadata: a range of function no. `func` that no thread may be in; a dynamic symbol
 * of the patch that means the target's thing; a place that nsb fills in; a hook; code that no thread
 * may be in when hooks run; a comment, whose key is "comment" if it is "".  Strings are copied.  -ENOMEM.
 */
int draft_add_range(struct draft *draft, size_t func, uint64_t addr, uint64_t size) MUST_CHECK;
int draft_add_dynref(struct draft *draft, uint32_t symbol, const struct definition *meant) MUST_CHECK;
int draft_add_place(struct draft *draft, const struct vz_place *place) MUST_CHECK;
int draft_add_hook(struct draft *draft, const struct vz_hook *hook) MUST_CHECK;
int draft_add_quiet(struct draft *draft, const struct vz_quiet *quiet) MUST_CHECK;
/* A variable that newer patches take over; its type is copied. */
int draft_add_state(struct draft *draft, const struct vz_state *state) MUST_CHECK;
/* Function no. `func` is entered at `addr` of the patch.  The caller sets its flag. */
int draft_add_gate(struct draft *draft, size_t func, uint64_t addr) MUST_CHECK;
/*
 * Who comes to `place` of the target, where a call returns to, goes on at `entry` of the patch, a stub of `size` bytes, for
 * `go_on`.  It becomes the last one of meta.funcs, with VZ_FUNC_RESUME, so all checks of these come before.
 */
int draft_add_return(struct draft *draft, const char *go_on, uint64_t place, uint64_t entry, uint64_t size) MUST_CHECK;
int draft_add_comment(struct draft *draft, const char *key, const char *text) MUST_CHECK;

/* Whether nsb writes another operand to the place at `addr` of the patch, which leads to the target. */
bool draft_has_place(const struct draft *draft, uint64_t addr);
/* The first such place in [lo, hi) of the patch; NULL if there is none. */
const struct vz_place *draft_place_in(const struct draft *draft, uint64_t lo, uint64_t hi);

/*
 * Index in meta.funcs of the function that replaces the target's code at `addr`; SIZE_MAX if
 * none does.
 */
size_t draft_find(const struct draft *draft, uint64_t addr);

/* -EINVAL, and a message that begins with file and line of the new function. */
int refuse_function(const struct draft *draft, const struct replaced *replaced,
		    const char *why) MUST_CHECK;

#endif
