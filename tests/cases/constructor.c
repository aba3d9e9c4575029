/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A constructor that does not change has run.
 * ask 1: 8 / 15
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

static int prepared;

__attribute__((constructor)) static void prepare(void)
{
	prepared = 7;
}

static KEEP int sum(int n)
{
#ifdef NEW
	return 2 * prepared + n;
#else
	return prepared + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", sum(atoi(question)));
}
