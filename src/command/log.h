/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: what was done to processes, for the system's log (--syslog).
 *
 * A datagram to /dev/log, by hand: syslog(3) brings time zones and floating point
 * into a static program, 140 KB.  The time of arrival will do.
 */
#ifndef NSB_LOG_H
#define NSB_LOG_H

#include "msg.h"

/* One line; nobody there to take it is told once, on stderr, and is no failure. */
void log_line(bool is_error, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
