/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target without debug information.
 * refuses: debug
 * old: -g0 -s
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

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
	snprintf(answer, size, "%d", next(atoi(question)));
}
