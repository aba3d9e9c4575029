/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Static locals in another order are the same variables.
 * ask 1: 11 101 / 22 112 / 13 103
 * replaces: count
 */
#include <stdlib.h>
#include "target.h"

static KEEP void count(int n, int *a, int *b)
{
#ifdef NEW
	static int right = 100;
	static int left = 10;

	left += n;
	right += n;
	*a = left + 10;
	*b = right + 10;
#else
	static int left = 10;
	static int right = 100;

	left += n;
	right += n;
	*a = left;
	*b = right;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	int a, b;

	count(atoi(question), &a, &b);
	snprintf(answer, size, "%d %d", a, b);
}
