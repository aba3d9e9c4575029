/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure that only the patch knows.
 * ask 2: 2 / 6
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
struct three {
	int a, b, c;
};

static KEEP int add(const struct three *t)
{
	return t->a + t->b + t->c;
}
#endif

static KEEP int sum(int n)
{
#ifdef NEW
	struct three three = { n, n, n };

	return add(&three);
#else
	return n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", sum(atoi(question)));
}
