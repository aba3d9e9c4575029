/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two units have a static function and a static variable of the same names; one changes.
 * ask 3: 13 103 / 23 103
 * replaces: add
 */
#include <stdlib.h>
#include "target.h"

int other(int n);

static int base = 10;

static KEEP int add(int n)
{
#ifdef NEW
	return 2 * base + n;
#else
	return base + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", add(n), other(n));
	base += 0 * n;
}
