/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of every scope: the same ones in two files, in functions and in blocks of
 * functions.  The other half is scopes2.c.
 */
#include "scopes.h"

#include <string.h>

static volatile int total = 1;
static volatile int only = 5;

static KEEP int helper(int n)
{
	return n + total;
}

KEEP int first(void)
{
	static volatile int calls = 100;

	calls++;
	return calls;
}

KEEP int second(void)
{
	static volatile int calls = 200;

	calls++;
	return calls;
}

KEEP int blocks(int n)
{
	static volatile int calls = 300;

	if (n > 0) {
		static volatile int calls = 400;
		static volatile int inner = 500;

		calls++;
		inner++;
		return calls + inner;
	}
	calls++;
	return calls;
}

KEEP int sum(int n)
{
	return helper(n) + only;
}

KEEP int limited(int n)
{
	return hidden_value + protected_value + internal_value + hidden_step(n) +
		protected_step(n) + internal_step(n);
}

void reply(const char *question, char *answer, size_t size)
{
	char what[32] = "";
	int n = 0;

	sscanf(question, "%31s %d", what, &n);
	if (strcmp(what, "first") == 0)
		snprintf(answer, size, "%d", first());
	else if (strcmp(what, "second") == 0)
		snprintf(answer, size, "%d", second());
	else if (strcmp(what, "blocks") == 0)
		snprintf(answer, size, "%d", blocks(n));
	else if (strcmp(what, "sum") == 0)
		snprintf(answer, size, "%d", sum(n));
	else if (strcmp(what, "other") == 0)
		snprintf(answer, size, "%d", other_sum(n));
	else if (strcmp(what, "limited") == 0)
		snprintf(answer, size, "%d", limited(n));
}
