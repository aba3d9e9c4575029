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
 *
 * The chain in the target is the truth of what is linked to what: it is walked, from
 * the place to its end, whatever a killed nsb has left.
 */
#ifndef NSB_GUIDE_H
#define NSB_GUIDE_H

#include "object.h"
#include "parasite/parasite.h"
#include "record.h"

#define GUIDES_MAX 8

#define GUIDE_CODE_BYTES 112

/* As it stands in the target, behind the patch's image. */
struct guide {
	uint8_t code[GUIDE_CODE_BYTES];
	uint64_t next;		/* what is called for other frames */
	uint64_t base;		/* run-time address of the image */
	uint64_t size;		/* of what the rows are of */
	uint64_t rows;		/* run-time address of struct guide_row's, a zeroed one at the end */
	uint8_t onward[CARRY_MAX];	/* the instructions under a jump, and the way back */
};

/* A function with an FDE: offsets in the image. */
struct guide_row {
	uint32_t start, size, fde;
};

_Static_assert(sizeof(struct guide) == GUIDE_CODE_BYTES + 4 * 8 + CARRY_MAX, "no padding");
_Static_assert(sizeof(struct guide_row) == 12, "as the code of the guide has it");

/* For a patch that is to be applied: its rows, and where a guide is to be led to. */
struct guides {
	struct record_hook hooks[GUIDES_MAX];
	size_t count;
	struct guide_row *rows;		/* owned */
	size_t n_rows;
	bool throws;		/* it is a C++ program */
	bool is_deaf;		/* ... and there is an unwinder that cannot be told */
	uint64_t busy_lo, busy_hi;	/* code that may be about to bind a slot; 0: none */
};

/* Find both.  -ENOMEM; what cannot be done is left out. */
int guides_find(struct guides *guides, const struct target *target, const struct objects *objects,
		const struct records *records, const struct patchfile *patch) MUST_CHECK;
void guides_deinit(struct guides *guides);
/* Bytes that they take behind the image, a multiple of the page size. */
uint64_t guides_size(const struct guides *guides);
/* Add them to the image; the hooks then have their addresses.  Hooks out of reach go. */
int guides_lay(struct guides *guides, const struct target *target,
	       struct link_image *image) MUST_CHECK;

struct plan;

/*
 * Let `into` also change what leads to the guides of `plans`, which come in their order:
 * before all else that it changes.
 */
int guides_plan_in(struct plan *into, struct plan *plans, size_t count, const struct target *target,
		   const struct records *records) MUST_CHECK;
/*
 * The same for the records that plans[first..count) take out, after all else; the guides
 * of plans[0..first) have come in by then.  A patch that something unknown may lead to
 * keeps its memory.
 */
int guides_plan_out(struct plan *into, struct plan *plans, size_t first, size_t count,
		    const struct target *target, const struct records *records) MUST_CHECK;

#endif
