/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pointer that led elsewhere at first.
 * refuses: 'current' has another initial value
 * only: original
 */
#include "target.h"

static int first = 1, second = 2;
#ifdef NEW
static int *volatile current = &second;
#else
static int *volatile current = &first;
#endif

void reply(const char *question, char *answer, size_t size)
{
	first++;
	second++;
	snprintf(answer, size, "%s %d", question, *current);
}
