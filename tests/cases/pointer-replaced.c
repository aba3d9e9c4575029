/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pointer to a replaced function, taken before, leads to the new one, and is equal to one taken after.
 * ask 5: 6 1 / 7 1
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static KEEP int next(int n)
{
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

static int (*volatile kept)(int n);

void reply(const char *question, char *answer, size_t size)
{
	if (kept == NULL)
		kept = next;
	snprintf(answer, size, "%d %d", kept(atoi(question)), kept == next);
}
