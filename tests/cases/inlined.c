/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static function that is inlined: those that have it change.
 * ask 5: 6 12 / 7 14
 * original: replaces: after twice
 * only: O2 O3
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static inline __attribute__((always_inline)) int next(int n)
{
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

static KEEP int after(int n)
{
	return next(n);
}

static KEEP int twice(int n)
{
	return 2 * next(n);
}

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", after(n), twice(n));
}
