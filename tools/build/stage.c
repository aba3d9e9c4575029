/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "steps.h"

void stop(enum stage stage, const char *fmt, ...)
{
	char line[MSG_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	step_clear();
	warn("%s", line);
	exit((int)stage);
}

void stop_kept(enum stage stage)
{
	step_clear();
	msg_print_kept();
	exit((int)stage);
}

char *text(const char *fmt, ...)
{
	char *made;
	va_list args;

	va_start(args, fmt);
	int length = vasprintf(&made, fmt, args);
	va_end(args);
	if (length < 0)
		stop(STAGE_OTHER, "out of memory");
	return made;
}
