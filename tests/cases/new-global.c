/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A global variable of the patch's own, and an array without initial value.
 * ask 1: 1 / 8
 * ask 2: 2 / 10
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
int extra = 7;
int seen[300];
#endif

static KEEP int total(int n)
{
#ifdef NEW
	seen[n] += n;
	return extra + seen[1] + (n == 2 ? seen[2] : 0);
#else
	return n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", total(atoi(question)));
}
