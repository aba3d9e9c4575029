/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second thread-local static variable of a name, in another block of the function, is not the first.
 * refuses: it cannot be told whether this 'calls' or that of refuse-tls-twice.c:[0-9]+ is the one that .* has
 */
#include <stdlib.h>
#include "target.h"

static KEEP int count(int n)
{
	int r = 0;

#ifdef NEW
	if (n > 10) {
		static __thread volatile int calls;
		r = 1000 + ++calls;
	}
#endif
	if (n <= 10) {
		static __thread volatile int calls;
		r += ++calls;
	}
	return r;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", count(atoi(question)));
}
