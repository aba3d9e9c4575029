/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function with two names is one function.
 * ask 5: 6 6 / 7 7
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

int next(int n);
int after(int n);

KEEP int next(int n)
{
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

int after(int n) __attribute__((alias("next")));

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", next(n), after(n));
}
