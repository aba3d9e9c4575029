/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list that the linker makes of a section, and the target has not: its members, which
 * refer to the target's variables, are the patch's.
 * ask 10: 10 / 24 / 12
 * replaces: reply
 */
#include <stdlib.h>
#include "target.h"

struct member {
	volatile int *number;
};

static volatile int calls;

#ifdef NEW
static volatile int extra = 2;
#define MEMBER __attribute__((used, section("members")))
static struct member one MEMBER = { &calls }, two MEMBER = { &extra };
extern struct member __start_members[], __stop_members[];
#endif

void reply(const char *question, char *answer, size_t size)
{
	int sum = atoi(question) + calls++;

#ifdef NEW
	for (struct member *m = __start_members; m < __stop_members; m++)
		sum += 5 * *m->number - 1;
	sum -= 5;
#endif
	snprintf(answer, size, "%d", sum);
}
