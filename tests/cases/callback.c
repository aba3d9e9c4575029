/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C library calls a replaced function.
 * ask x: 123 / 321
 * replaces: compare
 */
#include <stdlib.h>
#include "target.h"

static KEEP int compare(const void *a, const void *b)
{
#ifdef NEW
	return *(const char *)b - *(const char *)a;
#else
	return *(const char *)a - *(const char *)b;
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	char digits[] = "213";

	(void)question;
	qsort(digits, 3, 1, compare);
	snprintf(answer, size, "%s", digits);
}
