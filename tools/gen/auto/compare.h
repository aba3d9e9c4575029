/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare: which pieces of an object differ from those of the original object.
 *
 * The comparison is by what code and data mean, not by the numbers that the compiler gave to
 * them: a relocation is compared by what it leads to, a string by its characters, a clone or a
 * cold part along with its user.  Example: "calls.1" that becomes "calls.2" is no change.
 */
#ifndef NSB_GEN_COMPARE_H
#define NSB_GEN_COMPARE_H

#include "unit.h"

enum verdict {
	VERDICT_NEW,		/* the original has no such piece */
	VERDICT_SAME,
	VERDICT_LINES,		/* it differs only in numbers of source lines, as assert() passes them */
	VERDICT_CHANGED,	/* it differs, and piece->why says in what */
};

/*
 * Where functions stand in their source.  By this compare_units() sees which numbers are those
 * of lines.
 */
struct compare_lines {
	/* The line that begins the function; 0 if that is not known. */
	uint32_t (*declared)(const struct unit *unit, const struct piece *piece, void *ctx);
	/* Is the line one of the function, or of a function that was inlined into it? */
	bool (*is_within)(const struct unit *unit, const struct piece *piece, uint32_t line, void *ctx);
	/* Does the line table say that some code from offset `from` up to `to` comes of the line? */
	bool (*is_line)(const struct unit *unit, const struct piece *piece, uint64_t from, uint64_t to,
			uint32_t line, void *ctx);
	void *ctx;
};

/*
 * Set twin, verdict and why of every piece of `unit`, which was compiled from the changed
 * source of `original`.  Errors: -ENOMEM.
 */
int compare_units(struct unit *unit, struct unit *original,
		  const struct compare_lines *lines) MUST_CHECK;

/* Do two functions of changed objects mean the same? */
bool same_code(const struct unit *unit, const struct piece *piece, const struct unit *other_unit,
	       const struct piece *other);

#endif
