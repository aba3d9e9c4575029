/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure changes through a typedef.
 * refuses: 'state'
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
typedef long long counter;
#else
typedef int counter;
#endif
struct state {
	int level;
	counter count;
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
