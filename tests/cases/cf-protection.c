/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Built with ENDBR at the start of functions.
 * ask 5: 6 / 7
 * flags: -fcf-protection=full
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

KEEP int next(int n)
{
#ifdef NEW
	return n + 2 + zero;
#else
	return n + 1 + zero;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", next(atoi(question)));
}
