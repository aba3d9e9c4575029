/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of a library that the executable has a copy of.
 * ask x: no / yes
 */
#include <unistd.h>
#include "target.h"

static FILE *volatile stream;

static KEEP const char *known(void)
{
#ifdef NEW
	return stream == stderr && environ != NULL ? "yes" : "bad";
#else
	return "no";
#endif
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	stream = stderr;
	snprintf(answer, size, "%s", known());
}
