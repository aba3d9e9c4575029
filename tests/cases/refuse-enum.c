/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A value of an enumeration that means something else now.
 * refuses: 'GREEN' of enum kind is 2, was 1
 */
#include "target.h"

enum kind {
	RED,
#ifdef NEW
	BLUE, GREEN,
#else
	GREEN, BLUE,
#endif
};

static volatile enum kind current = BLUE;

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)current);
}
