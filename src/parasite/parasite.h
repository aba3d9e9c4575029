/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parasite: code of nsb's own that runs inside the target for as long as a patch is in it.
 *
 * That is one function, the guide (src/patch/guide.h), by which the target's unwinder finds the
 * tables of a patch.  What a borrowed thread runs is not here: that is written anew each time
 * (struct arch_errand of arch.h).
 */
#ifndef NSB_PARASITE_H
#define NSB_PARASITE_H

#include <stdint.h>

#include "arch.h"

#define GUIDE_CODE_BYTES 112	/* its code, one flat image for each ABI */

/* A guide (src/patch/guide.h).  It is in the target's memory, behind the image of its patch. */
struct guide {
	uint8_t code[GUIDE_CODE_BYTES];
	uint64_t next;		/* the function that answers for all other frames */
	uint64_t base;		/* run-time address of the image */
	uint64_t size;		/* of the part of the image that the rows describe */
	uint64_t rows;		/* run-time address of an array of struct guide_row; a zeroed one ends it */
	uint8_t onward[CARRY_MAX];	/* the instructions that a jump covers, and a jump back behind it */
};

/* A function of the image that has an FDE; offsets in the image. */
struct guide_row {
	uint32_t start, size, fde;
};

_Static_assert(sizeof(struct guide) == GUIDE_CODE_BYTES + 4 * 8 + CARRY_MAX, "no padding");
_Static_assert(sizeof(struct guide_row) == 12, "as the code of the guide has it");

#endif
