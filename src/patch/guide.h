/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guide: what the unwinder of a target is told of a patch's frames.
 *
 * An exception, pthread_cancel(3) and backtrace(3) ask _Unwind_Find_FDE of libgcc for
 * the FDE of each frame.  It knows what the dynamic linker has loaded; of a patch it
 * does not.  So the call of it is led to the patch's guide, a function that knows
 * the rows of that patch only, and leaves the rest to the next: the guide of an older
 * patch, at last the target's own.  No code of the target is run for this, and no lock
 * taken: what changes is one word or one jump, in the same stop as all else.
 *
 * It is called through a slot of libgcc_s, for which the dynamic linker has symbols, or
 * directly, where libgcc is linked into the executable: then the guide is led to by a
 * jump over its first instructions, which are carried to behind the guide.
 */
#ifndef NSB_GUIDE_H
#define NSB_GUIDE_H

#include "object.h"
#include "record.h"

#define GUIDES_MAX 8
#define FIND_FDE "_Unwind_Find_FDE"	/* whose calls are led to the guides */

/* For a patch that is to be applied: its rows, and where a guide is to be led to. */
struct guides {
	struct record_hook hooks[GUIDES_MAX];
	size_t count;
	struct guide_row *rows;		/* owned */
	size_t n_rows;
	bool throws;		/* it is a C++ program */
	bool has_own;		/* what is patched has an unwinder inside that is nowhere to be found */
	bool has_untold_unwinder;	/* exceptions may come, and there is an unwinder that cannot be told */
	uint64_t busy_lo, busy_hi;	/* code that may be about to bind a slot; 0: none */
};

/* Find both, for a patch of `patched`.  -ENOMEM; what cannot be done is left out. */
int guides_find(struct guides *guides, const struct target *target, const struct objects *objects,
		const struct object *patched, const struct records *records,
		const struct patchfile *patch) MUST_CHECK;
void guides_deinit(struct guides *guides);
/* Bytes that they take behind the image, a multiple of the page size. */
uint64_t guides_size(const struct guides *guides);
/* Add them to the image; the hooks then have their addresses.  Hooks out of reach go. */
int guides_lay(struct guides *guides, const struct target *target,
	       struct link_image *image) MUST_CHECK;

#endif
