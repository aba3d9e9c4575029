/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A constant that other code may have read.
 * refuses: 'limit'
 */
#include "target.h"

extern const volatile int limit;

#ifdef NEW
const volatile int limit = 20;
#else
const volatile int limit = 10;
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)limit);
}
