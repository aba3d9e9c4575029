/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: how far long work has come, on a terminal and nowhere else.
 */
#ifndef NSB_PROGRESS_H
#define NSB_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	size_t total;
	bool active;		/* stderr is a terminal, and there is something to wait for */
	bool shown;		/* a line stands there */
	uint64_t next;		/* when to show the next one */
};

void progress_begin(struct progress *progress, size_t total, bool quiet);
/* `done` are done; at most some ten times in a second a line is written. */
void progress_show(struct progress *progress, size_t done);
/* Before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
