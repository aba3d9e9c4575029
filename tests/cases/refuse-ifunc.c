/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function that is chosen when the program starts.
 * refuses: 'chosen' is an IFUNC
 * only: gcc
 */
#include <stdlib.h>
#include "target.h"

static volatile int zero;

static int plain(int n)
{
	return n + 1 + zero;
}

static int (*resolve(void))(int n)
{
	return plain;
}

int chosen(int n) __attribute__((ifunc("resolve")));

static KEEP int use(int n)
{
#ifdef NEW
	return 2 * chosen(n);
#else
	return chosen(n);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", use(atoi(question)));
}
