/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An array of variable length.
 * ask 4: 6 / 10
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

static KEEP int sum(int n)
{
	int all[n + 1], result = 0;

	for (int i = 0; i <= n; i++)
		all[i] = i;
#ifdef NEW
	for (int i = 0; i <= n; i++)
#else
	for (int i = 0; i < n; i++)
#endif
		result += all[i];
	return result;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", sum(atoi(question)));
}
