/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hidden functions and variables of a unit that is not among the objects.
 * ask 3: 13 / 9104 / 13
 * hidden
 * replaces: use
 */
#include <stdlib.h>
#include "target.h"

#pragma GCC visibility push(hidden)
extern int shared[4];
extern __thread int mine;
int twice(int n);
#pragma GCC visibility pop

static KEEP int use(int n)
{
#ifdef NEW
	return shared[n - 1] * 100 + twice(n) * 1000 + 5 * (&shared[0] == shared) + mine++;
#else
	return shared[0] + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
