/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data and functions of a unit that does not change.
 * ask 3: 13 / 60 / 13
 * replaces: use
 */
#include <stdlib.h>
#include "target.h"

extern int shared[4];
int twice(int n);

static KEEP int use(int n)
{
#ifdef NEW
	return shared[n] + twice(n + 7);
#else
	return shared[0] + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
