/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static variable that the new source no longer uses; the target keeps it.
 * ask 2: 2 / 2 / 4
 * replaces: count
 */
#include <stdlib.h>
#include "target.h"

static KEEP int count(int n)
{
#ifdef NEW
	return n;
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
