/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * judge: does a patch fit the target, and does it change all that the fix changes?
 *
 * The old build must be the target, or the same as the target in all that the patch relies on.
 * Every function that differs in the new build must be replaced, or not be called any more.
 */
#ifndef NSB_GEN_JUDGE_H
#define NSB_GEN_JUDGE_H

#include "draft.h"
#include "witness.h"

/* The builds that the author gave. */
struct witness {
	struct build target, old, new;
	bool has_old, has_new;
	struct build *base;		/* what the new build is compared with: the old one, or the target */
	struct differences change;	/* between base and new; empty without a new build */
};

/* Open the old build.  The target's debug info may be found by it, so this comes first. */
int witness_open_old(struct witness *witness, const char *path) MUST_CHECK;

/* Take the target, and compare the old build, or the target, with the new one; `path` may be NULL. */
int witness_begin(struct witness *witness, const struct binary *target, const char *path) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void witness_end(struct witness *witness);

/*
 * The difference of the function at an address of the target; NULL: it does not differ, but
 * perhaps in numbers of lines.
 */
const struct pair *witness_difference(const struct witness *witness, uint64_t addr);
/* Does a function of the base begin at this address? */
bool witness_has_function(const struct witness *witness, uint64_t addr);

/* Is it a function that only the start or the end of a program runs, of the C library or the compiler? */
bool is_startup(const char *name);

/*
 * Judge a finished draft.  -EINVAL with a message that names functions, files and reasons; -ESTALE if the
 * old build is not the target, which becomes a comment of the draft if the author accepts it.
 */
int witness_judge(struct witness *witness, struct draft *draft) MUST_CHECK;

#endif
