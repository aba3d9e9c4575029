/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap: what a unit test prints: ok() or skip() per sentence, `return done();`
 * from main().
 */
#ifndef NSB_TAP_H
#define NSB_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* Returns `condition`, so that what depends on it can be left out. */
__attribute__((format(printf, 2, 3)))
static inline bool ok(bool condition, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", condition ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	tap_failed += !condition;
	return condition;
}

/* Cannot be tried on this machine, and why. */
__attribute__((format(printf, 1, 2)))
static inline void skip(const char *format, ...)
{
	va_list args;

	printf("ok %d # SKIP ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* The plan, and the exit status. */
static inline int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0 || tap_count == 0;
}

#endif
