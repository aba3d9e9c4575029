/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols that the linker defines are the target's: the list that it makes of a section,
 * and where code and data end.
 * ask 1: 103 1 / 103 1 new / 103 1
 * replaces: reply
 */
#include <stdlib.h>
#include "target.h"

struct member {
	int id;
};

#define MEMBER __attribute__((used, section("members")))

static const struct member one MEMBER = { 1 }, two MEMBER = { 2 }, three MEMBER = { 100 };
extern const struct member __start_members[], __stop_members[];
extern char etext[], _end[];
static int counter = 3;

#ifdef NEW
#define TEXT "%d %d new"
#else
#define TEXT "%d %d"
#endif

void reply(const char *question, char *answer, size_t size)
{
	int sum = 0;

	counter += atoi(question);
	for (const struct member *m = __start_members; m < __stop_members; m++)
		sum += m->id;
	snprintf(answer, size, TEXT, sum, (char *)&counter < _end && (char *)&counter > etext);
}
