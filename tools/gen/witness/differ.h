/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * differ: all functions and data of two images, compared with their counterparts.
 */
#ifndef NSB_GEN_DIFFER_H
#define NSB_GEN_DIFFER_H

#include "body.h"

enum likeness {
	LIKE_SAME,
	LIKE_NUMBERED,		/* only constants differ that may be numbers of lines */
	LIKE_LINES,		/* they are numbers of lines */
	LIKE_DIFFERENT,
};

/* A function or variable in both images.  Several names of one address are one pair if they are so in both. */
struct pair {
	uint32_t old, new;	/* symbols: the first of the spot in the old image that the other has */
	enum likeness likeness;
	uint64_t at;		/* offset of the first difference in the old one */
	char *why;		/* owned; NULL if nothing differs */
	struct numbers numbers;
};

struct differences {
	struct meanings meanings;
	struct pair *pairs;
	size_t n_pairs;
	size_t n_functions, n_data;	/* that have a counterpart */
};

/*
 * Compare two images, which then have each other's twins, and must stay.  Errors: -EINVAL if they
 * cannot be builds of one program, -ENOMEM.
 */
int differences_init(struct differences *differences, struct image *old, struct image *new) MUST_CHECK;
/* It does nothing to a zeroed struct. */
void differences_deinit(struct differences *differences);

/* Set what a pair's numbers turned out to be.  -ENOMEM. */
int pair_settle(struct pair *pair, bool are_lines) MUST_CHECK;

#endif
