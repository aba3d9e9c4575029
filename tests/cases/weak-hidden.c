/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hidden weak things in place of which the target has another file's; the linker drops the code
 * of the function, and makes the other's symbol a local one.
 * ask 1: 5001 501 / 5001 502 new / 5001 503
 * old: -ffunction-sections -fdata-sections -Wl,--gc-sections
 * hidden
 * original: replaces: reply
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#define ADDED 2
#define TEXT "%d %d new"
#else
#define ADDED 1
#define TEXT "%d %d"
#endif

__attribute__((weak, visibility("hidden"))) int level = 1;

__attribute__((weak, visibility("hidden"))) int hook(int n)
{
	return n + ADDED;
}

void reply(const char *question, char *answer, size_t size)
{
	level += atoi(question);
	snprintf(answer, size, TEXT, hook(atoi(question)), level);
}
