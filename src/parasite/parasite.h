/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parasite: what nsb puts into a target to run system calls there.
 *
 * nsb writes it over the code at the program's entry point (AT_ENTRY).  That code ran when
 * the program began, and never runs again.  nsb puts the original bytes back as soon as the
 * calls are made.  By offset:
 *
 *	0	the code, one flat image for each ABI: a loop that takes the next call from
 *		the stack, makes it, and leaves its result there
 *	16	the address and size of the memory that is about to be mapped, by which the
 *		next nsb cleans up after one that died
 *
 * nsb writes it from its first word to its last, and removes it from its last word to its
 * first.  So if only a part of it is there, its first byte is, and its check is wrong.
 *
 * A call on the stack is PARASITE_WORDS words of the ABI: arguments 3, 2, 1 and 0, and the
 * number of the call, which the result replaces.  Arguments 4 and 5 are in their registers
 * all the time.  The last call is rt_sigreturn, which gives the thread all its registers back
 * from the signal frame above it.  So the thread goes on by itself, whatever became of nsb.
 */
#ifndef NSB_PARASITE_H
#define NSB_PARASITE_H

#include <stdint.h>

#include "arch.h"

#define PARASITE_CODE_BYTES 16
#define PARASITE_CALL 6		/* offset of the instruction that enters the kernel */
#define PARASITE_WORDS 5

struct parasite {
	uint8_t code[PARASITE_CODE_BYTES];
	uint64_t address;		/* 0: no memory is being mapped */
	uint32_t pages;			/* of 4096 bytes */
	uint32_t check;			/* parasite_check() */
};

static inline uint32_t parasite_check(const struct parasite *parasite)
{
	return ((uint32_t)(parasite->address >> 12) + parasite->pages) * 2654435761u + 1;
}

_Static_assert(sizeof(struct parasite) == 32, "the same for both sides");

#define GUIDE_CODE_BYTES 112	/* the guide's code is behind the parasite's code in the blob */

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
