/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parasite: what nsb puts into a target to run system calls there.
 *
 * It stands over the entry point of the program (AT_ENTRY), which ran once,
 * when the program began, and never again; the bytes that belong there come
 * back as soon as the calls are made.  Its parts:
 *
 *	0	code, one flat image per ABI: a loop that takes the next call from
 *		the stack, makes it, and leaves its result there
 *	16	where memory is about to be mapped, so that the next nsb can clean up
 *		behind one that died
 *
 * It is written from its first word to its last, and taken out from the last to the
 * first: of one that is there in part, the first byte is there, and the check is wrong.
 *
 * A call on the stack is PARASITE_WORDS words of the ABI: the arguments 3, 2, 1
 * and 0, then the number, which the result replaces.  Arguments 4 and 5 are in
 * their registers all the time.  The last call is rt_sigreturn: it gives the
 * thread all its registers back from the signal frame that lies above it.  So
 * the thread comes out by itself, whatever became of nsb.
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

#define GUIDE_CODE_BYTES 112	/* of code, behind that of the parasite in the blob */

/* What guide.h tells of, as it stands in the target behind the patch's image. */
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

#endif
