/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new constructor: nobody would run it.
 * refuses: 'prepare' is a new constructor
 */
#include "target.h"

static volatile int level;

#ifdef NEW
__attribute__((constructor)) static void prepare(void)
{
	level = 3;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)level);
}
