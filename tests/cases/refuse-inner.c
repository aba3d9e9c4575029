/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure inside another one.
 * refuses: 'limits'|'inner'
 */
#include <stdlib.h>
#include "target.h"

struct inner {
	int low;
#ifdef NEW
	int middle;
#endif
	int high;
};
struct state {
	int level;
	struct inner limits;
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
