/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new value of an enumeration, at its end.
 * ask 1: 1 / 3
 * replaces: pick
 */
#include <stdlib.h>
#include "target.h"

enum kind { RED, GREEN,
#ifdef NEW
	    BLUE, LAST
#endif
};

static enum kind current = GREEN;

static KEEP enum kind pick(int n)
{
#ifdef NEW
	return n == 1 && current == GREEN ? LAST : BLUE;
#else
	return n == 1 ? current : RED;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	current += 0;
	snprintf(answer, size, "%d", (int)pick(atoi(question)));
}
