/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sanitizer's variables have no names, and a patch has its own of them.
 * ask 1: 4 / 16 / 8
 * flags: -fsanitize=undefined
 * replaces: reply
 */
#include <stdlib.h>
#include "target.h"

static volatile int count = 3;

void reply(const char *question, char *answer, size_t size)
{
	int step = atoi(question);

	count += step;
#ifdef NEW
	count += step;
	count += step;
	step = count * 2 + 2;
#else
	step = count;
#endif
	snprintf(answer, size, "%d", step);
}
