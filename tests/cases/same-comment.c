/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comments and layout of the source are no change.
 * ask 1: 2 / 2
 * same
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

#ifdef NEW
/* A comment. */
static KEEP int next(int n) { return n + 1 + zero; }
#else
static KEEP int next(int n)
{
	return n + 1 + zero;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", next(atoi(question)));
}
