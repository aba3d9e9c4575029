/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statics that share a section, so that code names them by their distance from its
 * start: a constant that is stored stands behind that distance.
 * ask 1: 11 2 3 / 11 2 3 70 / 11 2 3
 * ask 2: 11 22 3 / 11 22 3 70 / 11 22 3
 * ask 3: 11 22 33 / 11 22 33 70 / 11 22 33
 * ask 0: 1 2 3 / 1 2 3 70 / 1 2 3
 * original: replaces: reply
 * whole: replaces: reply second
 */
#include <stdlib.h>
#include "target.h"

#define SHARED __attribute__((section("shared")))

static volatile int a SHARED = 1;
static volatile char b SHARED = 2;
#ifdef NEW
static volatile int extra SHARED = 70;
#endif
static volatile short c SHARED = 3;

KEEP int second(void)
{
	return b;
}

void reply(const char *question, char *answer, size_t size)
{
	int n = atoi(question);

	if (n == 1)
		a = 11;
	if (n == 2)
		b = 22;
	if (n == 3)
		c = 33;
	if (n == 0) {
		a = 1;
		b = 2;
		c = 3;
	}
#ifdef NEW
	snprintf(answer, size, "%d %d %d %d", a, second(), c, extra);
#else
	snprintf(answer, size, "%d %d %d", a, second(), c);
#endif
}
