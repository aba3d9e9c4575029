/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Static locals of one name: a new one before them takes the compiler's number.
 * ask x: 1 101 / 2 102 3 / 3 103
 * replaces: reply
 */
#include "target.h"

static KEEP int one(void)
{
	static int calls;

	return ++calls;
}

static KEEP int other(void)
{
	static int calls = 100;

	return ++calls;
}

#ifdef NEW
static KEEP int third(void)
{
	static int calls = 2;

	return ++calls;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
#ifdef NEW
	int a = one(), b = other();

	snprintf(answer, size, "%d %d %d", a, b, third());
#else
	int a = one(), b = other();

	snprintf(answer, size, "%d %d", a, b);
#endif
}
