/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of addresses inside the function.
 * ask 0: zero / zero
 * ask 1: one / ONE
 * replaces: word
 */
#include <stdlib.h>
#include "target.h"

static KEEP const char *word(int n)
{
	static const void *const places[] = { &&zero, &&one, &&many };

	goto *places[n > 2 ? 2 : n];
zero:
	return "zero";
one:
#ifdef NEW
	return "ONE";
#else
	return "one";
#endif
many:
	return "many";
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s", word(atoi(question)));
}
