/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function with another prototype, all of whose callers are replaced.
 * ask 5: 6 / 15
 * replaces: next reply
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
static KEEP int next(int n, int by)
{
	return n * by;
}
#else
static KEEP int next(int n)
{
	return n + atoi("1");
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	#ifdef NEW
	snprintf(answer, size, "%d", next(atoi(question), 3));
	#else
	snprintf(answer, size, "%d", next(atoi(question)));
	#endif
}
