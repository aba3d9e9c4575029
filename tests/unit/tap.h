/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap: what unit tests say, and the folder they may write to.
 *
 * A test program calls ok() with a sentence per check and ends with
 * `return done();`, which prints the plan and is the exit status.
 */
#ifndef NSB_TESTS_TAP_H
#define NSB_TESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "msg.h"

static int tap_count, tap_failures;
static char tap_folder[] = "/tmp/nsb-unit-XXXXXX";
static bool tap_has_folder;

/* One check; returns whether it held. */
static inline PRINTF_LIKE(2, 3) bool ok(bool holds, const char *fmt, ...)
{
	va_list args;

	printf("%sok %d - ", holds ? "" : "not ", ++tap_count);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	if (!holds)
		tap_failures++;
	fflush(stdout);
	return holds;
}

/* A check that cannot be made here, and why. */
static inline void skip(const char *sentence, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, sentence, why);
}

/* A line of explanation below a failed check. */
static inline PRINTF_LIKE(1, 2) void note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* The call returned this number and its message has this text in it; the message is forgotten. */
static inline bool fails(int ret, int expected, const char *text, const char *sentence)
{
	bool holds = ok(ret == expected && strstr(msg_kept(), text) != NULL, "%s", sentence);

	if (!holds)
		note("returned %d, expected %d; said \"%s\", expected \"%s\"", ret, expected,
		     msg_kept(), text);
	msg_forget();
	return holds;
}

/* A folder for this run; done() removes it. */
static inline const char *scratch(void)
{
	if (!tap_has_folder && mkdtemp(tap_folder) == NULL) {
		printf("Bail out! no scratch folder\n");
		exit(1);
	}
	tap_has_folder = true;
	return tap_folder;
}

/* Run a shell command inside the scratch folder, its output thrown away: did it succeed? */
static inline PRINTF_LIKE(1, 2) bool shell(const char *fmt, ...)
{
	char command[4096];
	int used = snprintf(command, sizeof(command), "cd %s && exec >/dev/null 2>&1 && ", scratch());
	va_list args;

	va_start(args, fmt);
	used += vsnprintf(command + used, sizeof(command) - (size_t)used, fmt, args);
	va_end(args);
	return used < (int)sizeof(command) && system(command) == 0;
}

/*
 * Can the kernel run this program of the scratch folder?  Some run no 32-bit ones.  To find
 * out, the program is started with the word: it should not do much then.
 */
static inline bool runs(const char *program, const char *word)
{
	enum { UNKNOWN_FORMAT = 125 };
	char path[256];
	int status = 0;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), program);
	pid = fork();
	if (pid == 0) {
		(void)execl(path, program, word, (char *)NULL);
		_exit(errno == ENOEXEC ? UNKNOWN_FORMAT : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
		!(WIFEXITED(status) && WEXITSTATUS(status) == UNKNOWN_FORMAT);
}

static inline int done(void)
{
	char command[64];

	if (tap_has_folder) {
		(void)snprintf(command, sizeof(command), "rm -rf %s", tap_folder);
		if (system(command) != 0)
			note("%s is left behind", tap_folder);
	}
	printf("1..%d\n", tap_count);
	if (tap_failures > 0)
		note("%d of %d failed", tap_failures, tap_count);
	return tap_failures > 0;
}

#endif
