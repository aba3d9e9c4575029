/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A union that is larger now.
 * refuses: 'state'|'any'
 */
#include <stdlib.h>
#include "target.h"

union any {
	int number;
#ifdef NEW
	char text[32];
#else
	char text[16];
#endif
};
struct state {
	int level;
	union any value;
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
