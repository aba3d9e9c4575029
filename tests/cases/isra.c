/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler takes a structure apart that is passed by address.
 * ask 5: 6 / 12
 */
#include <stdlib.h>
#include "target.h"

struct pair {
	int a, b;
};

static __attribute__((noinline)) int add(const struct pair *pair)
{
#ifdef NEW
	return (pair->a + pair->b) * 2;
#else
	return pair->a + pair->b;
#endif
}

static KEEP int use(int n)
{
	struct pair pair = { n, 1 };

	return add(&pair);
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
