/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program at fixed addresses.
 * ask 5: 15 / 25
 * old: -fno-pie -no-pie
 * replaces: sum
 */
#include <stdlib.h>
#include "target.h"

static int base = 10;

static KEEP int sum(int n)
{
#ifdef NEW
	return 2 * base + n;
#else
	return base + n;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	base += 0;
	snprintf(answer, size, "%d", sum(atoi(question)));
}
