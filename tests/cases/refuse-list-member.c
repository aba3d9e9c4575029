/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new member of a list that the linker made would not be found by those who look
 * through it.
 * refuses: 'extra' is new in a section that the target looks through as a list
 */
#include <stdlib.h>
#include "target.h"

struct member {
	int id;
};

#define MEMBER __attribute__((used, section("members")))

static const struct member one MEMBER = { 1 };
#ifdef NEW
static const struct member extra MEMBER = { 2 };
#endif
extern const struct member __start_members[], __stop_members[];

void reply(const char *question, char *answer, size_t size)
{
	int sum = atoi(question);

	for (const struct member *m = __start_members; m < __stop_members; m++)
		sum += m->id;
#ifdef NEW
	sum++;
#endif
	snprintf(answer, size, "%d", sum);
}
