/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A weak function in place of which the target has one without debug info: the code of the
 * weak one, which nothing calls, is not what the name means.
 * ask 1: 5001 / 5001 new / 5001
 * hidden
 * original: replaces: reply
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
