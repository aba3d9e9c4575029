/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure that was passed by address, and is by value.
 * refuses: 'sum' has not the prototype of sum
 */
#include <stdlib.h>
#include "target.h"

struct pair {
	int a, b;
};

#ifdef NEW
KEEP int sum(struct pair pair)
{
	return pair.a + pair.b + 1;
}
#else
KEEP int sum(const struct pair *pair)
{
	return pair->a + pair->b;
}
#endif

void *volatile kept = (void *)sum;

void reply(const char *question, char *answer, size_t size)
{
	struct pair pair = { atoi(question), 1 };

	#ifdef NEW
	snprintf(answer, size, "%d", sum(pair));
	#else
	snprintf(answer, size, "%d", sum(&pair));
	#endif
}
