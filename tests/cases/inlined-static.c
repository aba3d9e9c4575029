/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The static variable of a function that is inlined everywhere: clang's debug info does
 * not tell whose it is.
 * ask 2: 2 / 1004 / 6
 * original: replaces: reply
 * whole: replaces: reply
 */
#include <stdlib.h>
#include "target.h"

static inline __attribute__((always_inline)) int sum(int n)
{
	static volatile int total;

	return total += n;
}

void reply(const char *question, char *answer, size_t size)
{
#ifdef NEW
	snprintf(answer, size, "%d", sum(atoi(question)) + 1000);
#else
	snprintf(answer, size, "%d", sum(atoi(question)));
#endif
}
