/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function in a section that the source names.
 * ask 5: 6 / 7
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

__attribute__((section(".text.special"))) static KEEP int next(int n)
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
