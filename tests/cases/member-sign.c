/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of which only the sign, a qualifier or the name changes, are where they were.
 * ask 3: -2 / 4294967294
 * replaces: sum
 * only: amd64
 */
#include <stdlib.h>
#include "target.h"

struct state {
	long tail;
#ifdef NEW
	const unsigned level;
	unsigned char volatile kind;
	struct state *following;
#else
	int level;
	signed char kind;
	struct state *next;
#endif
};

static struct state state = { .tail = 1, .level = -5 };
static struct state *volatile current = &state;

static KEEP long sum(int n)
{
#ifdef NEW
	return (long long)(current->level + (unsigned)n) * current->tail;
#else
	return (current->level + n) * current->tail;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%ld", sum(atoi(question)));
}
