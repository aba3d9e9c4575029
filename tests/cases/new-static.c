/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static variable of the patch's own: it has its initial value, and goes with the patch.
 * ask 1: 1 / 41
 * ask 2: 2 / 43
 * replaces: total
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
static int sum = 40;
#endif

static KEEP int total(int n)
{
#ifdef NEW
	sum += n;
	return sum;
#else
	return n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", total(atoi(question)));
}
