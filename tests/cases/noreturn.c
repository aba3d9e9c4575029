/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function that does not return, and one that is told so.
 * ask 1: 1 / 2
 * replaces: check
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

__attribute__((noreturn)) static KEEP void stop(int n)
{
	exit(n);
}

static KEEP int check(int n)
{
	if (n > 100)
		stop(n);
#ifdef NEW
	return n + 1 + zero;
#else
	return n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", check(atoi(question)));
}
