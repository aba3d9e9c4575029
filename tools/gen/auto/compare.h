/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare: which pieces of an object differ from those of the original object.
 *
 * What counts is what code and data mean, not how the compiler numbered it: a
 * relocation is compared by what it leads to, a string by its characters, a
 * clone or a cold part along with who uses it.
 */
#ifndef NSB_GEN_COMPARE_H
#define NSB_GEN_COMPARE_H

#include "unit.h"

enum verdict {
	VERDICT_NEW,		/* the original has no such piece */
	VERDICT_SAME,
	VERDICT_LINES,		/* only source lines, as assert() has them, differ */
	VERDICT_CHANGED,	/* piece->why says in what */
};

/* Where functions are in their source: by which a line number is known to be one. */
struct compare_lines {
	/* The line that begins it, 0 if unknown. */
	uint32_t (*declared)(const struct unit *unit, const struct piece *piece, void *ctx);
	/* Is that line one of the function's, or of one that was inlined into it? */
	bool (*is_within)(const struct unit *unit, const struct piece *piece, uint32_t line, void *ctx);
	void *ctx;
};

/*
 * Fill in twin, verdict and why of every piece of `unit`, which was compiled from
 * the changed source of `original`.  -ENOMEM.
 */
int compare_units(struct unit *unit, struct unit *original,
		  const struct compare_lines *lines) MUST_CHECK;

#endif
