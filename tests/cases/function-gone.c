/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static function that nobody calls any more.
 * ask 5: 6 / 10
 * replaces: use
 */
#include <stdlib.h>
#include "target.h"

#ifndef NEW
static KEEP int next(int n)
{
	return n + atoi("1");
}
#endif

static KEEP int use(int n)
{
#ifdef NEW
	return 2 * n;
#else
	return next(n);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
