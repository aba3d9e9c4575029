/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second constant of a name in another block of the function; and things without a size,
 * which have one address.
 * ask 1: 3 5 / 3 5 / 3 5
 * ask 20: 22 5 / 8 5 / 22 5
 * original: replaces: pick
 */
#include <stdlib.h>
#include "target.h"

struct nothing { };

static struct nothing x, y;
static volatile int at = 1;

static KEEP int use(void *a, void *b)
{
	__asm__ volatile("" : : "r" (a), "r" (b) : "memory");
	return at + 4;
}

static KEEP int pick(int n)
{
#ifdef NEW
	if (n > 10) {
		static const int table[] = { 7, 8 };
		return table[at];
	}
#endif
	{
		static const int table[] = { 1, 2 };
		return table[at] + n;
	}
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d %d", pick(atoi(question)), use(&x, &y));
}
