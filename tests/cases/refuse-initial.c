/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A variable has run since it got its initial value.
 * refuses: refuse-initial.c:[0-9]+: 'level' has another initial value
 */
#include "target.h"

#ifdef NEW
static volatile int level = 7;
#else
static volatile int level = 5;
#endif

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, level++);
}
