/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A jump table belongs to its function.
 * ask 1: one / ONE
 * ask 3: three / three
 * ask 6: six / six
 * ask 7: many / seven
 * ask 8: many / many
 * replaces: word
 */
#include <stdlib.h>
#include "target.h"

static volatile int sink;

static KEEP const char *word(int n)
{
	switch (n) {
	case 0: sink = 3; return "zero";
#ifdef NEW
	case 1: sink++; return "ONE";
	case 7: sink += 9; return "seven";
#else
	case 1: return "one";
#endif
	case 2: sink = 5; return "two";
	case 3: sink += 2; return "three";
	case 4: sink = sink * 2; return "four";
	case 5: sink = n; return "five";
	case 6: sink = -n; return "six";
	default: return "many";
	}
}

void reply(const char *question, char *answer, size_t size)
{
	snprintf(answer, size, "%s", word(atoi(question)));
}
