/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: shows how far long work has come, if stderr is a terminal.
 */
#ifndef NSB_PROGRESS_H
#define NSB_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	size_t total;
	bool active;		/* stderr is a terminal, and there is enough to do */
	bool shown;		/* a line is on the terminal, and has to be cleared */
	uint64_t next;		/* the time of the next line, by now_ns() */
};

void progress_begin(struct progress *progress, size_t total, bool quiet);
/* Say how many are done.  A line is written about ten times in a second at most. */
void progress_show(struct progress *progress, size_t done);
/* Clear the line.  It has to be called before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
