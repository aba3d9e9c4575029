/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where lines move and one function changes, only that is replaced.
 * ask 1: 2 / 3
 * replaces: second
 */
#include <assert.h>
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#line 60
#endif
static KEEP int first(int n)
{
	assert(n > 0);
	return n;
}

static KEEP int second(int n)
{
	assert(n > 0);
#ifdef NEW
	return first(n) + 2;
#else
	return first(n) + 1;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", second(atoi(question)));
}
