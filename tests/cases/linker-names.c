/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new variable, and the target's static one, by a name that the linker uses, too.
 * ask 1: 7 / 1007 / 7
 * replaces: reply
 */
#include "target.h"

extern volatile int end;
int other(void);

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
#ifdef NEW
	snprintf(answer, size, "%d", end + other());
#else
	snprintf(answer, size, "%d", other());
#endif
}

#ifdef NEW
volatile int end = 1000;
#endif
