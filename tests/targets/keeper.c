/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that keeps what a function gave it: a string, or a variable.
 * take: call note() and keep what it gives; held: what that is now, as a string.
 * count: what tally() returns.
 */
#include "target.h"

#include <string.h>

static const char *held = "nothing";
static int counted;

KEEP const char *note(int why)
{
	return why > 0 ? "old reason" : "none";
}

KEEP int tally(int n)
{
	counted += n;
	return counted;
}

void reply(const char *question, char *answer, size_t size)
{
	if (strcmp(question, "take") == 0)
		held = note(1);
	if (strcmp(question, "take") == 0 || strcmp(question, "held") == 0)
		snprintf(answer, size, "held: %s", held);
	else if (strcmp(question, "count") == 0)
		snprintf(answer, size, "count %d", tally(1));
}
