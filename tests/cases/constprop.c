/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler makes a copy of a function for one value of an argument.
 * ask 5: 12 / 19
 * only: gcc O2 O3
 */
#include <stdlib.h>
#include "target.h"

static __attribute__((noinline)) int scale(int n, int by)
{
	volatile int result = n;

	for (int i = 1; i < by; i++)
		result += n;
#ifdef NEW
	return result + 4;
#else
	return result + 2;
#endif
}

static KEEP int use(int n)
{
#ifdef NEW
	return scale(n, 3);
#else
	return scale(n, 2);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
