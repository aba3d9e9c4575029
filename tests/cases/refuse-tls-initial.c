/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread-local variable with another initial value.
 * refuses: 'mine' has another initial value
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
static __thread int mine = 4;
#else
static __thread int mine = 3;
#endif

static KEEP int count(int n)
{
	mine += n;
	return mine;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
