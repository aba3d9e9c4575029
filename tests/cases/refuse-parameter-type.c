/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A parameter of another type.
 * refuses: 'next' has not the prototype of next
 * only: O0 O2 O3
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
KEEP int next(long long n)
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
	snprintf(answer, size, "%d", next(atoi(question)));
}
