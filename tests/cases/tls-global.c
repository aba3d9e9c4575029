/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread-local variable that other units could use, and one without initial value.
 * ask 1: 11 1 / 22 2 / 13 3
 * replaces: count
 */
#include <stdlib.h>
#include "target.h"

__thread int calls = 10;
static __thread int rounds;

static KEEP int count(int n)
{
	calls += n;
	rounds++;
#ifdef NEW
	return calls + 10;
#else
	return calls;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	int n = count(atoi(question));

	snprintf(answer, size, "%d %d", n, rounds);
}
