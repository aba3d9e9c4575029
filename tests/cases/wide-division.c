/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 64-bit arithmetic, for which i386 calls functions of libgcc.
 * ask 1000: 333333333333 / 250000000000
 * replaces: share
 */
#include <stdlib.h>
#include "target.h"

static KEEP long long share(long long n)
{
#ifdef NEW
	return 1000000000000ll / (n / 250);
#else
	return 1000000000000ll / (n / 333);
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%lld", share(atoll(question)));
}
