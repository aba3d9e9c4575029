/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "msg.h"

#define PERIOD_NS 100000000u
#define LEAST 10		/* with fewer processes than this nothing is shown */

static void write_text(const char *text)
{
	/* If the terminal is gone, nobody wants to know how far nsb is. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

void progress_begin(struct progress *progress, size_t total, bool quiet)
{
	*progress = (struct progress){
		.total = total, .next = now_ns() + PERIOD_NS,
		.active = !quiet && msg_verbosity == 0 && total >= LEAST && isatty(STDERR_FILENO),
	};
}

void progress_show(struct progress *progress, size_t done)
{
	char text[64];

	if (!progress->active || now_ns() < progress->next)
		return;
	(void)snprintf(text, sizeof(text), "\r%zu of %zu processes\033[K", done, progress->total);
	write_text(text);
	progress->shown = true;
	progress->next = now_ns() + PERIOD_NS;
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		write_text("\r\033[K");
	progress->shown = false;
}
