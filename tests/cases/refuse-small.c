/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function that has no room for a jump, and whose address is in a table.
 * only: gcc Os
 * refuses: '(before|tiny)' is too small for a jump, [34] bytes .* its address is in use
 */
#include <stdlib.h>
#include "target.h"

#ifdef NEW
#define ANSWER 1
#else
#define ANSWER 0
#endif

static KEEP int before(int n)
{
	return n * 7;
}

static KEEP int tiny(int n __attribute__((unused)))
{
	return ANSWER;
}

static KEEP int after(int n)
{
	return n * 9;
}

static int (*volatile table[])(int) = { before, tiny, after };

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", table[atoi(question) % 3](1));
}
