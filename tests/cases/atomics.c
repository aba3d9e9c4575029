/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Atomic operations, 64 bits wide.
 * ask 3: 13 / 7 / 10
 * replaces: change
 */
#include <stdlib.h>
#include "target.h"

static long long value = 10;

static KEEP long long change(int n)
{
#ifdef NEW
	return __atomic_sub_fetch(&value, 2 * n, __ATOMIC_SEQ_CST) + 0;
#else
	return __atomic_add_fetch(&value, n, __ATOMIC_SEQ_CST);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%lld", change(atoi(question)));
}
