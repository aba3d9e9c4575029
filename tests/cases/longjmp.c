/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A jump over frames of the patch.
 * ask 3: 3 / 7
 * replaces: deep
 */
#include <setjmp.h>
#include <stdlib.h>
#include "target.h"

static jmp_buf place;

static KEEP int deep(int n)
{
	if (n == 0)
#ifdef NEW
		longjmp(place, 7);
#else
		longjmp(place, 3);
#endif
	return deep(n - 1) + 1;
}

void reply(const char *question, char *answer, size_t size)
{
	int got = setjmp(place);

	snprintf(answer, size, "%d", got != 0 ? got : deep(atoi(question)));
}
