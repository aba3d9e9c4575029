/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code of the target calls a function of the patch by its address.
 * ask 5: 6 / 15
 * stays
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static KEEP int next(int n)
{
	return n + 1 + zero;
}

#ifdef NEW
static KEEP int triple(int n)
{
	return 3 * n;
}
#endif

typedef int step(int n);

static KEEP step *choose(void)
{
#ifdef NEW
	return triple;
#else
	return next;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", choose()(atoi(question)));
}
