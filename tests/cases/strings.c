/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings that the linker merges, tails of each other among them.
 * ask x: cat scat / dog bobcat
 * replaces: name
 */
#include <stdlib.h>
#include "target.h"

static KEEP const char *name(int n)
{
#ifdef NEW
	return n ? "bobcat" : "dog";
#else
	return n ? "scat" : "cat";
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	snprintf(answer, size, "%s %s", name(0), name(1));
}
