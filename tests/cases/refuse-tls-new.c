/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new thread-local variable: threads that run have no room for it.
 * refuses: 'mine' would be a new thread-local variable
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
static __thread int mine;
#endif

static KEEP int count(int n)
{
#ifdef NEW
	mine += n;
	return mine;
#else
	return n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
