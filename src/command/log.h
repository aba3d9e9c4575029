/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: tells the system's log what was done to processes (--syslog).
 *
 * It sends a datagram to /dev/log.  syslog(3) would bring time zones and floating point into
 * the static program, 140 KB.  The datagram has no time; the daemon adds the time of arrival.
 */
#ifndef NSB_LOG_H
#define NSB_LOG_H

#include "msg.h"

/* Send one line.  If no daemon takes it, that is told once, on stderr, and is no failure. */
void log_line(bool is_error, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
