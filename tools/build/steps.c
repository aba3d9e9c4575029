/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "steps.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "stage.h"

/* The step that nsb-build is at.  There is one at a time. */
static struct {
	const char *what;
	uint64_t begun;
	bool changes, is_shown;
} now;

static void write_line(const char *line)
{
	/* If the terminal is gone, nobody wants to know how far nsb-build is. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

void step_clear(void)
{
	if (now.is_shown)
		write_line("\r\033[K");
	now.is_shown = false;
}

void step_clear_of_child(void)
{
	if (isatty(STDERR_FILENO))
		write_line("\r\033[K");
}

void step_progress(size_t done, size_t total, const char *what)
{
	struct winsize window;
	char line[256];
	size_t length;

	if (!now.changes)
		return;
	size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col : 80;
	length = (size_t)snprintf(line, sizeof(line), "nsb-build: %s", now.what);
	if (done != 0 && length < sizeof(line))
		length += (size_t)snprintf(line + length, sizeof(line) - length, ": %zu", done);
	if (total != 0 && length < sizeof(line))
		length += (size_t)snprintf(line + length, sizeof(line) - length, " of %zu", total);
	if (done != 0 && length < sizeof(line))
		length += (size_t)snprintf(line + length, sizeof(line) - length, " %s", what);
	unsigned seconds = (unsigned)((now_ns() - now.begun) / 1000000000u);
	if (seconds > 0 && length < sizeof(line))
		length += (size_t)snprintf(line + length, sizeof(line) - length, ", %u s", seconds);
	/* A line that is broken could not be taken back. */
	if (length >= width && width < sizeof(line))
		line[width - 1] = '\0';
	write_line("\r\033[K");
	write_line(line);
	now.is_shown = true;
}

void step(const struct settings *settings, const char *what)
{
	FILE *log = fopen(settings->log, "ae");

	step_clear();
	now.what = what;
	now.begun = now_ns();
	now.changes = !settings->quiet && msg_verbosity == 0 && isatty(STDERR_FILENO);
	if (!settings->quiet && msg_verbosity > 0)
		warn("%s", what);
	step_progress(0, 0, "");
	if (log != NULL) {
		(void)fprintf(log, "nsb-build: %s\n", what);
		(void)fclose(log);
	}
}
