/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body: the code of two functions, instruction by instruction.
 *
 * Padding, and whether a jump is short, are no difference.  An operand is compared by what it
 * means.  A constant that differs may be the number of a source line: lines.c of this folder
 * looks at that.
 */
#ifndef NSB_GEN_BODY_H
#define NSB_GEN_BODY_H

#include "meaning.h"

/* Two instructions with a constant each that differs, and with nothing else that does. */
struct number_pair {
	uint64_t old_at, new_at;	/* addresses of the instructions */
	uint64_t old, new;
};

struct numbers {
	struct number_pair *table;
	size_t count;
};

/*
 * Compare the code of two spots.  False: it differs, *at is the offset in the old one, and
 * meanings->why tells why.  Constants that may be the numbers of lines are added to `numbers`,
 * and are no difference yet.
 */
bool same_body(struct meanings *meanings, uint32_t old, uint32_t new, struct numbers *numbers, uint64_t *at);

/* A function that is given each address that an image's code refers to. */
typedef int (*reference_visitor)(void *ctx, uint64_t from, uint64_t to, unsigned access);

/*
 * Visit what the code of a spot refers to: calls, jumps out of it, operands.  The first answer
 * that is not 0 ends it.
 */
int each_reference(const struct image *image, uint32_t spot, reference_visitor visit, void *ctx) MUST_CHECK;

#endif
