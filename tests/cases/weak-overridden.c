/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A weak function in place of which the target has that of another file stays out of it.
 * ask 1: 5001 / 5001 new / 5001
 * original: replaces: reply
 * whole: replaces: hook reply
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#define ADDED 2
#define TEXT "%d new"
#else
#define ADDED 1
#define TEXT "%d"
#endif

__attribute__((weak)) int hook(int n)
{
	return n + ADDED;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, TEXT, hook(atoi(question)));
}
