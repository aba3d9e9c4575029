/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hidden function and a hidden variable.
 * ask 2: 12 / 22
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

__attribute__((visibility("hidden"))) int base = 10;

__attribute__((visibility("hidden"))) KEEP int sum(int n)
{
#ifdef NEW
	return base * 2 + n;
#else
	return base + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", sum(atoi(question)));
}
