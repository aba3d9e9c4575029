/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call at the end of a function, which becomes a jump.
 * ask 5: 6 / 10
 * replaces: use
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static KEEP int next(int n)
{
	return n + 1 + zero;
}

static KEEP int twice(int n)
{
	return 2 * n;
}

static KEEP int use(int n)
{
#ifdef NEW
	return twice(n);
#else
	return next(n);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
	(void)twice(1);
}
