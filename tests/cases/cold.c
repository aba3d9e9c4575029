/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A part that the compiler moves away, as it is hardly ever run.
 * ask 1: 2 / 3
 * ask 0: -1 / -2
 * replaces: check
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static volatile int failures;

static __attribute__((cold, noinline)) int complain(int n)
{
	failures++;
	return n;
}

KEEP int check(int n)
{
	if (__builtin_expect(n == 0, 0)) {
#ifdef NEW
		failures += 2;
		return complain(-2);
#else
		failures++;
		return complain(-1);
#endif
	}
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", check(atoi(question)));
}
