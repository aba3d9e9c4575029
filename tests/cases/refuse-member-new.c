/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure with a new member: what exists already is too small.
 * refuses: 'state'.*new member 'limit'
 */
#include <stdlib.h>
#include "target.h"

struct state {
	int level;
	int count;
#ifdef NEW
	int limit;
#endif
};

static struct state state = { .level = 3 };
static struct state *volatile current = &state;

static KEEP int sum(int n)
{
#ifdef NEW
	return current->level + n + 1;
#else
	return current->level + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", sum(atoi(question)));
}
