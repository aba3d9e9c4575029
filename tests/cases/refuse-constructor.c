/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A constructor that does something else now: it has run.
 * refuses: 'prepare' is a changed constructor
 * only: original
 */
#include "target.h"

static volatile int level;

__attribute__((constructor)) static void prepare(void)
{
#ifdef NEW
	level = 3;
#else
	level = 2;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)level);
}
