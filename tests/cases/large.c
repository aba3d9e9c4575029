/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function of more than a page.
 * ask 1: 2000 / 2001
 * replaces: long_one
 */
#include <stdlib.h>
#include "target.h"

static volatile int sink;
#define TEN(x) x x x x x x x x x x

static KEEP int long_one(int n)
{
	TEN(TEN(sink = n; sink += 3; sink -= 3;))
	TEN(TEN(sink = n; sink += 5; sink -= 5;))
#ifdef NEW
	return sink + 2000;
#else
	return sink + 1999;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", long_one(atoi(question)));
}
