/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A member that lies where the structure had padding.
 * ask 3: 8 / 9
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

struct state {
	struct state *next;
#ifdef NEW
	long level;
	char kind, more;
#else
	long level;
	char kind;
#endif
};

static struct state state = { .level = 5 };
static struct state *volatile current = &state;

static KEEP long sum(int n)
{
#ifdef NEW
	return current->level + n + (current->more == 0);
#else
	return current->level + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%ld", sum(atoi(question)));
}
