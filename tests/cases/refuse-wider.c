/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A variable of another type.
 * refuses: 'level'
 */
#include "target.h"

#ifdef NEW
static volatile long long level;
#else
static volatile int level;
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)level++);
}
