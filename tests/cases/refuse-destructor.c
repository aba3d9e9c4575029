/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A destructor that the program does not know.
 * refuses: 'finish' is a new constructor or destructor
 */
#include "target.h"

static volatile int level;

#ifdef NEW
__attribute__((destructor)) static void finish(void)
{
	level = 3;
}
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)level);
}
