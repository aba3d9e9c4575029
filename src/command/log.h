/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: tells the system's log what was done to processes, a line of fields for each.
 *
 * It sends a datagram to /dev/log.  syslog(3) would bring time zones and floating point into
 * the static program, 140 KB.  The datagram has no time; the daemon adds the time of arrival.
 */
#ifndef NSB_LOG_H
#define NSB_LOG_H

#include "options.h"
#include "vzpatch.h"

/* What was done to a process, or tried. */
struct log_entry {
	pid_t pid;
	const char *comm;	/* its name */
	const uint8_t *id;	/* build-id of the patch */
	size_t id_size;
	const struct vzpatch *meta;	/* of the patch, NULL if only its id is known */
	const char *patch;	/* its name */
	const char *done;	/* "applied" or "reverted" */
	int err;		/* 0, or why it was not done */
	const char *reason;
};

/*
 * Send a line, unless --no-syslog says that nobody wants it.  If no daemon takes it, that is no failure; with --syslog it
 * is told once, on stderr.
 */
void log_change(const struct options *options, const struct log_entry *entry);

#endif
