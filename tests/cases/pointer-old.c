/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address of a function that is not replaced is the target's.
 * ask 5: same 6 / equal 6
 * replaces: compare
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static KEEP int next(int n)
{
	return n + 1 + zero;
}

static int (*volatile kept)(int n) = next;

static KEEP const char *compare(void)
{
#ifdef NEW
	return kept == next ? "equal" : "different";
#else
	return kept == next ? "same" : "other";
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", compare(), kept(atoi(question)));
}
