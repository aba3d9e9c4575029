/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thread-local variables are the target's.
 * ask 1: 11 / 22 / 13
 * replaces: count
 */
#include <stdlib.h>
#include "target.h"

static __thread int calls = 10;

static KEEP int count(int n)
{
	calls += n;
#ifdef NEW
	return calls + 10;
#else
	return calls;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
