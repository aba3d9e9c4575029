/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DWARF 2 tells where members are by expressions.
 * ask 1: 13 / 23 / 13
 * replaces: total
 * only: gcc
 * flags: -gdwarf-2 -gstrict-dwarf
 */
#include <stdlib.h>
#include "target.h"

struct state {
	char name[8];
	struct {
		short first;
		long second;
	} in;
	unsigned low : 3, high : 5;
};
static struct state all = { "all", { 3, 5 }, 1, 3 };

static KEEP int total(const struct state *state, int n)
{
#ifdef NEW
	n += 10;
#endif
	return state->in.first + (int)state->in.second + state->low + state->high + n;
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%d", total(&all, atoi(question)));
}
