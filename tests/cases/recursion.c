/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function that calls itself, and one that it calls by turns.
 * ask 4: 4 / 8
 * replaces: even
 */
#include <stdlib.h>
#include "target.h"

static int even(int n);

static KEEP int odd(int n)
{
	return n == 0 ? 0 : 1 + even(n - 1);
}

static KEEP int even(int n)
{
#ifdef NEW
	return n == 0 ? 0 : 3 + odd(n - 1);
#else
	return n == 0 ? 0 : 1 + odd(n - 1);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", even(atoi(question)));
}
