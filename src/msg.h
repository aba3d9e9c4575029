/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msg: the one way in which nsb and nsb-gen report.
 *
 * A function that can fail returns 0 or a negative errno, and whoever finds
 * the failure words it, once, with fail().  The first message wins: callers
 * pass the number up and say nothing.  main() prints the message as one line.
 */
#ifndef NSB_MSG_H
#define NSB_MSG_H

#include <stdbool.h>

#define MSG_MAX 4096		/* bytes of a message, its end included */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* What nsb tells: 0 errors only, 1 the steps as well (-v), 2 the details as well (-vv). */
extern int msg_verbosity;

/* Set the name that begins every line: "nsb" or "nsb-gen". */
void msg_init(const char *program);

/*
 * Keep a message for the user, unless one is kept already, and return -err.  err is a
 * positive errno; status.h says which exit status it becomes.
 *
 *	return fail(ENOENT, "%s: no such section", path);
 */
int fail(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The message that is kept, "" if none is.  It belongs to msg.c and is valid until msg_forget(). */
const char *msg_kept(void);
void msg_forget(void);

/* Print one line to stderr: the message that is kept, or the text that is given. */
void msg_print_kept(void);
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Print a line to stderr if the user wants steps (-v: say) or details (-vv: debug). */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
void debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
