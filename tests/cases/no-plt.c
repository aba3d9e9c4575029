/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Built without procedure linkage tables.
 * ask 5: 6 / 7
 * flags: -fno-plt
 * replaces: next
 */
#include <stdlib.h>
#include "target.h"

static KEEP int next(const char *text)
{
#ifdef NEW
	return (int)strtol(text, NULL, 0) + 2;
#else
	return atoi(text) + 1;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", next(question));
}
