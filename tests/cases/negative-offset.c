/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reference to a place before the variable.
 * ask 101: 20 / 30
 * replaces: pick
 */
#include <stdlib.h>
#include "target.h"

static int before[4] = { 1, 2, 3, 4 }, values[4] = { 10, 20, 30, 40 };

static KEEP int pick(int n)
{
#ifdef NEW
	return values[n - 100 + 1];
#else
	return values[n - 100];
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	values[3] += before[0] * 0;
	snprintf(answer, size, "%d", pick(atoi(question)));
}
