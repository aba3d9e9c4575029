/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: the exit statuses of nsb(1), and which errno means which.
 */
#ifndef NSB_STATUS_H
#define NSB_STATUS_H

enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_NOT_APPLIED = 2,
	EXIT_BUSY = 3,
	EXIT_NOT_PERMITTED = 4,
	EXIT_NO_PROCESS = 5,
	EXIT_TRACED = 6,
	EXIT_BAD_PATCH = 7,
	EXIT_NO_FIT = 8,
	EXIT_APPLIED = 9,
	EXIT_PARTIAL = 10,
	EXIT_DAMAGED = 11,
	EXIT_INTERRUPTED = 12,
	EXIT_USAGE = 64,
	EXIT_CANNOT_RUN = 126,
	EXIT_NO_PROGRAM = 127,
};

/* The exit status for a result, which is 0 or a negative errno. */
enum exit_status status_of(int err);
/* Its name for JSON and for summaries, a word or two: "busy". */
const char *status_name(enum exit_status status);

#endif
