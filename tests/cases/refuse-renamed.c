/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static variable with another name.
 * refuses: '(count.)?calls.*' is gone, and '(count.)?rounds.*' is new
 */
#include <stdlib.h>
#include "target.h"

static KEEP int count(int n)
{
#ifdef NEW
	static int rounds;

	rounds += n;
	return rounds + 1;
#else
	static int calls;

	calls += n;
	return calls;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
