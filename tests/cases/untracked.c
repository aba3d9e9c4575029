/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debug info does not follow variables, so that it does not tell how parameters come.
 * ask 1: 21 / 31 / 21
 * replaces: total
 * only: gcc
 * flags: -fno-var-tracking
 */
#include <stdlib.h>
#include <unistd.h>
#include "target.h"

static volatile int level = 2;

static KEEP int total(int from, int upto)
{
	int sum = 0;

	for (int i = from; i < upto; i++) {
		sum += level;
		usleep(1);
	}
#ifdef NEW
	sum += 10;
#endif
	return sum + from;
}

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	snprintf(answer, size, "%d", total(n, n + 10));
}
