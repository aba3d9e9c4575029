/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The body of a global function.
 * ask 5: 15 / 20
 * replaces: triple
 */
#include <stdlib.h>
#include "target.h"

KEEP int triple(int n)
{
#ifdef NEW
	return n * (4 + atoi("0"));
#else
	return n * (3 + atoi("0"));
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", triple(atoi(question)));
}
