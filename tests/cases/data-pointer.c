/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data that points to data.
 * ask 1: 20 / 30
 * replaces: pick
 */
#include <stdlib.h>
#include "target.h"

static int values[] = { 10, 20, 30 };
static int *const first = values;
static int *volatile current = &values[1];

static KEEP int pick(int n)
{
#ifdef NEW
	return current == first + n ? first[n + 1] : -1;
#else
	return current == first + n ? *current : -1;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", pick(atoi(question)));
}
