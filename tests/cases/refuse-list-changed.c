/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A member of a list that the linker made changes; who looks through it would find the old.
 * refuses: 'two' is a constant that changes, in a section that the target looks through as a list
 */
#include <stdlib.h>
#include "target.h"

struct member {
	int id;
};

#define MEMBER __attribute__((used, section("members")))

#ifdef NEW
#define ID 5
#else
#define ID 2
#endif

static const struct member one MEMBER = { 1 }, two MEMBER = { ID };
extern const struct member __start_members[], __stop_members[];

void reply(const char *question, char *answer, size_t size)
{
	int sum = atoi(question);

	for (const struct member *m = __start_members; m < __stop_members; m++)
		sum += m->id;
	snprintf(answer, size, "%d", sum * ID);
}
