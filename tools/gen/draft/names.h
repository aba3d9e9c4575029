/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names: a list of names without repetition, for messages. */
#ifndef NSB_GEN_NAMES_H
#define NSB_GEN_NAMES_H

#include <stddef.h>

#define NAMES_LISTED_MAX 6
#define NAMES_TEXT_MAX 512

/* The first names, and the number of those behind them. */
struct names {
	const char *table[NAMES_LISTED_MAX];	/* the strings belong to whoever added them */
	size_t count, more;
};

void names_add(struct names *names, const char *name);
/* Write "'a', 'b' and others", cut off at `size` bytes. */
void names_format(const struct names *names, char *text, size_t size);

#endif
