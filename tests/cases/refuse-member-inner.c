/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new member before others: where there was padding, and where there was a member.
 * refuses: 'state'.*new member 'late'|member 'late' of struct state was 'count'
 */
#include <stdlib.h>
#include "target.h"

struct state {
	long level;
#ifdef NEW
	short late;
	short count;
#else
	int count;
#endif
	long last;
};

static struct state state = { .level = 5, .count = 3 };
static struct state *volatile current = &state;

static KEEP long sum(int n)
{
#ifdef NEW
	return current->level + n + current->late;
#else
	return current->level + n + current->count;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	current->last++;
	snprintf(answer, size, "%ld", sum(atoi(question)));
}
