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
static struct cell *volatile first = cells;

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s %d", question, first[1].a++);
}
