/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of addresses inside a function that any code may change.
 * refuses: places.*holds addresses of labels in 'word'
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static KEEP const char *word(int n)
{
	static const void *places[] = { &&none, &&one, &&many };

	places[zero] = places[0];
	goto *places[n > 2 ? 2 : n];
none:
	return "none";
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
