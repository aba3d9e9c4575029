/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thread-local variables, found by descriptors, and by the begin of their block.
 * ask 1: 14 / 25 / 16
 * replaces: count
 * only: gcc
 * flags: -mtls-dialect=gnu2 -ftls-model=local-dynamic
 */
#include <stdlib.h>
#include "target.h"

static __thread int unused[4] = { 1 };
static __thread int calls = 10, more[2] = { 0, 3 };
__thread int shared_calls;

static KEEP int count(int n)
{
	calls += n;
	shared_calls++;
	more[n & 1]++;
#ifdef NEW
	return calls + 10 + more[1] - shared_calls + unused[0] - 1;
#else
	return calls + more[1] - shared_calls + unused[0] - 1;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
