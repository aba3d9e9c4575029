/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A static function that the target does not have.
 * ask 5: 10 / 25
 * replaces: shape
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
static KEEP int square(int n)
{
	return n * n;
}
#endif

static KEEP int shape(int n)
{
#ifdef NEW
	return square(n);
#else
	return 2 * n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", shape(atoi(question)));
}
