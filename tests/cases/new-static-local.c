/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static local variable that only the new function has.
 * ask 1: 5 / 11
 * ask 2: 5 / 12
 * replaces: calls
 */
#include <stdlib.h>
#include "target.h"

static KEEP int calls(int n)
{
#ifdef NEW
	static int counted = 10;

	(void)n;
	return ++counted;
#else
	(void)n;
	return 5;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", calls(atoi(question)));
}
