/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function with a variable number of arguments.
 * ask x: 1-2.5-three / 1+2.5+three
 * replaces: join
 */
#include <stdarg.h>
#include "target.h"

static KEEP void join(char *to, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
#ifdef NEW
	vsnprintf(to, size, "%d+%.1f+%s", list);
#else
	vsnprintf(to, size, format, list);
#endif
	va_end(list);
}

void reply(const char *question, char *answer, size_t size)
{
	(void)question;
	join(answer, size, "%d-%.1f-%s", 1, 2.5, "three");
}
