/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Larger constants, and a table of them.
 * ask 1: 2.500 / 4.750
 * replaces: pick
 */
#include <stdlib.h>
#include "target.h"

static const long double table[] = { 1.25L, 2.5L, 4.75L };

static KEEP long double pick(int n)
{
#ifdef NEW
	return table[n + 1];
#else
	return table[n];
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%.3Lf", pick(atoi(question)));
}
