/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function with one more parameter.
 * refuses: 'next' has not the prototype of next
 * only: O0 O2 O3
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
KEEP int next(int n, int m)
{
	return (int)n + 2;
}
#else
KEEP int next(int n)
{
	return (int)n + 1;
}
#endif

void *volatile kept = (void *)next;

void reply(const char *question, char *answer, size_t size)
{
	#ifdef NEW
	snprintf(answer, size, "%d", next(atoi(question), 1));
	#else
	snprintf(answer, size, "%d", next(atoi(question)));
	#endif
}
