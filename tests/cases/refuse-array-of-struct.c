/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An array of a structure that changes.
 * refuses: 'cell'
 */
#include "target.h"

struct cell {
	int a;
#ifdef NEW
	int b;
#endif
};

static struct cell cells[3] = { { 1 }, { 2 }, { 3 } };

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, (int)cells[1].a++);
}
