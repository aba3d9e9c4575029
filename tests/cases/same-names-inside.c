/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local variables with other names are no change.
 * ask 1: 3 / 3
 * same
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#define value renamed
#endif

static KEEP int next(int n)
{
	int value = n * 2;

	return value + 1;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", next(atoi(question)));
}
