/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The body of a static function, which uses static data, a static local and strings.
 * ask 1: first 11 / second 22 / first 13
 * replaces: count
 */
#include <stdlib.h>
#include "target.h"

static int base = 10;

static KEEP int count(int n, const char **what)
{
	static int calls;

	calls += n;
#ifdef NEW
	*what = "second";
	return base * 2 + calls;
#else
	*what = "first";
	return base + calls;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	const char *what;
	int n = count(atoi(question), &what);

	snprintf(answer, size, "%s %d", what, n);
}
