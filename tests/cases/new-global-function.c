/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function of the patch that is not static.
 * ask 5: 10 / 125
 * replaces: shape
 */
#include <stdlib.h>
#include "target.h"

int cube(int n);

#ifdef NEW
KEEP int cube(int n)
{
	return n * n * n;
}
#endif

static KEEP int shape(int n)
{
#ifdef NEW
	return cube(n);
#else
	return 2 * n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", shape(atoi(question)));
}
