/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions in the source.
 * ask 5: 6 / 10
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static KEEP int next(int n)
{
#ifdef NEW
	__asm__("add %0, %0" : "+r"(n));
#else
	__asm__("add $1, %0" : "+r"(n));
#endif
	return n;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", next(atoi(question)));
}
