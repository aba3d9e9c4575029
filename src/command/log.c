/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "text.h"

#define LINE_BYTES 1024	/* every syslog daemon takes a line of this length, RFC 3164 */

static int connect_log(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int err = errno;

		(void)close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

void log_line(bool is_error, const char *fmt, ...)
{
	static int fd = -1;
	static bool is_refused;
	char line[LINE_BYTES];
	va_list args;
	int length;

	if (is_refused)
		return;
	if (fd == -1)
		fd = connect_log();
	length = snprintf(line, sizeof(line), "<%d>nsb[%d]: ",
			  LOG_DAEMON | (is_error ? LOG_ERR : LOG_NOTICE), getpid());
	va_start(args, fmt);
	(void)vsnprintf(line + length, sizeof(line) - (size_t)length, fmt, args);
	va_end(args);
	text_clean(line);
	is_refused = fd == -1 || send(fd, line, strlen(line), MSG_NOSIGNAL) == -1;
	if (is_refused)
		warn("cannot write to the system's log, /dev/log: %s", strerror(errno));
}
