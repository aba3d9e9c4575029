/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions in another order are the same functions.
 * ask 1: 2 3 / 2 3
 * same
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

#ifdef NEW
static KEEP int after(int n)
{
	return n + 2 + zero;
}
#endif

static KEEP int next(int n)
{
	return n + 1 + zero;
}

#ifndef NEW
static KEEP int after(int n)
{
	return n + 2 + zero;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", next(n), after(n));
}
