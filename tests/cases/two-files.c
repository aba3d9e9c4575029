/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of two units change.
 * ask 3: 4 6 / 5 9
 * replaces: next times
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

int times(int n);

static KEEP int next(int n)
{
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d %d", next(n), times(n));
}
