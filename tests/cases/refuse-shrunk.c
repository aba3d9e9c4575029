/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An array that is smaller now.
 * refuses: 'table' 
 */
#include "target.h"

#ifdef NEW
static volatile int table[3];
#else
static volatile int table[4];
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)table[1]++);
}
