/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guide: tells the target's unwinder of a patch's frames.
 *
 * An exception, pthread_cancel(3) and backtrace(3) call _Unwind_Find_FDE of libgcc to find the
 * FDE of each frame.  That function knows the objects that the dynamic linker has loaded, and
 * not the patches.  So nsb leads the calls to the patch's guide.  A guide is a function that
 * knows the FDEs of one patch, and for all other frames calls the next function: the guide of
 * an older patch, or in the end _Unwind_Find_FDE itself.  nsb runs no code of the target for
 * this, and takes no lock.  It changes one word or writes one jump, in the same stop as the
 * other jumps.
 *
 * There are two ways to lead a call to a guide.  libgcc_s calls _Unwind_Find_FDE through a slot,
 * which the dynamic linker's symbols name: the slot gets the address of the guide.  If libgcc is
 * linked into the executable, the function is called directly: a jump to the guide is written
 * over its first instructions, and these are carried to a place behind the guide's code.
 */
#ifndef NSB_GUIDE_H
#define NSB_GUIDE_H

#include "object.h"
#include "record.h"

#define GUIDES_MAX 8
#define FIND_FDE "_Unwind_Find_FDE"	/* calls of this function are led to the guides */

/* The guides of a patch that is going to be applied. */
struct guides {
	struct record_detour detours[GUIDES_MAX];
	size_t count;
	struct guide_row *rows;		/* owned */
	size_t n_rows;
	bool throws;		/* it is a C++ program */
	bool has_own;		/* the patched object has an unwinder inside that nsb cannot find */
	bool has_untold_unwinder;	/* exceptions may come, and an unwinder cannot be told of the patch */
	uint64_t busy_lo, busy_hi;	/* a thread that is in this code may be about to bind a slot; 0: none */
};

/*
 * Find the rows of a patch of `patched`, and the places where guides have to be led to.  Places
 * that cannot be diverted are left out.  -ENOMEM with a message.
 */
int guides_find(struct guides *guides, const struct target *target, const struct objects *objects,
		const struct object *patched, const struct records *records,
		const struct patchfile *patch) MUST_CHECK;
void guides_deinit(struct guides *guides);
/* The bytes that the guides take behind the image, a multiple of the page size. */
uint64_t guides_size(const struct guides *guides, uint64_t page);
/*
 * Append the guides to the image, and enter their addresses into the detours.  A detour whose jump
 * cannot reach its guide is dropped: its place is set to 0.
 */
int guides_lay(struct guides *guides, const struct target *target,
	       struct link_image *image) MUST_CHECK;

#endif
