/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "status.h"
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

static void send_line(bool insists, const char *line)
{
	static int fd = -1;
	static bool is_refused;

	if (is_refused)
		return;
	if (fd == -1)
		fd = connect_log();
	is_refused = fd == -1 || send(fd, line, strlen(line), MSG_NOSIGNAL) == -1;
	if (is_refused && insists)
		warn("cannot write to the system's log, /dev/log: %s", strerror(errno));
}

/* The user who logged in, whoever he became since (audit(7)); "-": none, or nobody knows. */
static void read_login_uid(char text[16])
{
	int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd == -1 ? -1 : read(fd, text, 15);

	if (fd != -1)
		(void)close(fd);
	text[got > 0 ? got : 0] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	if (text[0] == '\0' || strcmp(text, "4294967295") == 0)
		(void)snprintf(text, 16, "-");
}

/* A value of one word, which begins no other field, whoever chose it. */
static void copy_word(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from[0] == '\0' ? "-" : from);
	for (; *to != '\0'; to++) {
		if (*to == ' ' || *to == '=' || *to == '"')
			*to = '_';
	}
}

void log_change(const struct options *options, const struct log_entry *entry)
{
	char line[LINE_BYTES], id[2 * BUILD_ID_MAX + 1], login[16], path[256], exe[256], comm[32], patch[128], link[40];
	const char *cve = "-";
	bool is_error = entry->err != 0 && entry->err != -EEXIST;
	ssize_t length;

	if (options->no_syslog || options->dry_run)
		return;
	for (size_t i = 0; entry->meta != NULL && i < entry->meta->n_comments; i++) {
		if (strcmp(entry->meta->comments[i].key, "cve") == 0)
			cve = entry->meta->comments[i].text;
	}
	build_id_format(entry->id, entry->id_size, id);
	read_login_uid(login);
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", entry->pid);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	copy_word(exe, sizeof(exe), path);
	copy_word(comm, sizeof(comm), entry->comm);
	copy_word(patch, sizeof(patch), entry->patch);
	(void)snprintf(line, sizeof(line), "<%d>nsb[%d]: result=%s status=%d pid=%d comm=%s exe=%s patch=%s id=%s cve=%s uid=%u"
		       " loginuid=%s%s%s", LOG_DAEMON | (is_error ? LOG_ERR : LOG_NOTICE), getpid(),
		       entry->err == 0 ? entry->done : entry->err == -EEXIST ? "already" : "failed", (int)status_of(entry->err),
		       entry->pid, comm, exe, patch, id, cve, getuid(), login,
		       is_error ? " reason=" : "", is_error ? entry->reason : "");
	text_clean(line);
	send_line(options->syslog, line);
}
