/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

int msg_verbosity;

static const char *program = "nsb";
static char kept[MSG_MAX];

void msg_init(const char *name)
{
	program = name;
}

int fail(int err, const char *fmt, ...)
{
	if (kept[0] == '\0') {
		va_list args;

		va_start(args, fmt);
		(void)vsnprintf(kept, sizeof(kept), fmt, args);
		va_end(args);
	}
	return -err;
}

const char *msg_kept(void)
{
	return kept;
}

void msg_forget(void)
{
	kept[0] = '\0';
}

/* Write the line by one write(2), so that the lines of several processes do not mix. */
static void print_line(const char *text)
{
	char line[MSG_MAX + 64];
	int len = snprintf(line, sizeof(line) - 1, "%s: %s", program, text);

	if (len < 0)
		return;
	if ((size_t)len >= sizeof(line) - 1)
		len = (int)sizeof(line) - 2;
	/* Others choose the names of files and functions: no byte of them may end the line or steer a terminal. */
	text_clean(line);
	line[len++] = '\n';
	/* If writing to stderr fails there is nowhere to tell it. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

void msg_print_kept(void)
{
	print_line(kept);
}

static void print_args(const char *fmt, va_list args)
{
	char text[MSG_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	print_line(text);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
}

void say(const char *fmt, ...)
{
	va_list args;

	if (msg_verbosity < 1)
		return;
	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
}

void debug(const char *fmt, ...)
{
	va_list args;

	if (msg_verbosity < 2)
		return;
	va_start(args, fmt);
	print_args(fmt, args);
	va_end(args);
}
