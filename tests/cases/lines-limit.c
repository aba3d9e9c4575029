/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that grow by as much as their function moved down, and might be lines of it,
 * are none: only those that are passed to something are.
 * ask 92: 92 / 92
 * ask 93: -1 / 93 / -1
 * ask 94: -1 / -1
 * ask 0: 105 / 106 / 105
 * original: replaces: limit stored
 * whole: replaces: checked limit reply stored
 */
#include <assert.h>
#include <stdlib.h>
#include "target.h"

volatile int last;

#ifdef NEW
#define BY 1
#line 81
#else
#define BY 0
#line 80
#endif
KEEP int limit(int n)
{
	return n > 92 + BY ? -1 : n;
}

#ifdef NEW
#line 101
#else
#line 100
#endif
KEEP int stored(int n)
{
	last = 105 + BY;
	return n;
}

KEEP int checked(int n)
{
	assert(n >= 0);
	return n;
}

void reply(const char *question, char *answer, size_t size)
{
	int n = checked(atoi(question));

	snprintf(answer, size, "%d", n ? limit(n) : stored(n) + last);
}
