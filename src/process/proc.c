/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"

/* Read a whole small file of /proc, and end it by a NUL.  Returns its size, or -errno. */
static int read_small(const char *path, char *buf, size_t size)
{
	ssize_t got;
	size_t fill = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	do {
		got = read(fd, buf + fill, size - 1 - fill);
		if (got > 0)
			fill += (size_t)got;
	} while (got > 0 && fill < size - 1);
	if (got == -1) {
		int err = errno;

		(void)close(fd);
		return -err;
	}
	(void)close(fd);
	buf[fill] = '\0';
	return (int)fill;
}

static const char *field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? "0" : at + strlen(name);
}

int proc_read_status(pid_t tid, struct proc_status *status)
{
	char path[40], text[8192], *end;
	int got;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	got = read_small(path, text, sizeof(text));
	if (got < 0)
		return got == -ENOENT ? -ESRCH : got;
	status->state = field(text, "\nState:\t")[0];
	status->tgid = atoi(field(text, "\nTgid:\t"));
	status->tracer = atoi(field(text, "\nTracerPid:\t"));
	status->uid = (uid_t)strtoul(field(text, "\nUid:\t"), &end, 10);
	status->euid = (uid_t)strtoul(end, NULL, 10);
	status->permitted = strtoull(field(text, "\nCapPrm:\t"), NULL, 16);
	status->effective = strtoull(field(text, "\nCapEff:\t"), NULL, 16);
	status->seccomp = atoi(field(text, "\nSeccomp:\t"));
	status->pending = strtoull(field(text, "\nSigPnd:\t"), NULL, 16);
	status->shared_pending = strtoull(field(text, "\nShdPnd:\t"), NULL, 16);
	status->blocked = strtoull(field(text, "\nSigBlk:\t"), NULL, 16);
	status->caught = strtoull(field(text, "\nSigCgt:\t"), NULL, 16);
	return 0;
}

char proc_thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[512];
	const char *end;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (read_small(path, text, sizeof(text)) < 0)
		return '\0';
	/* The name is in parentheses, and may have parentheses in it, so the last one counts. */
	end = strrchr(text, ')');
	return end == NULL || end[1] != ' ' ? '\0' : end[2];
}

unsigned long proc_flags(pid_t pid)
{
	char path[40], text[512];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_small(path, text, sizeof(text)) < 0)
		return 0;
	at = strrchr(text, ')');
	/* Between the name and the flags are state, ppid, pgrp, session, tty_nr and tpgid. */
	for (int i = 0; i < 7 && at != NULL; i++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoul(at, NULL, 10);
}

int proc_ptrace_scope(void)
{
	char text[16];

	return read_small("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) < 0 ? 0 : atoi(text);
}

void proc_comm(pid_t pid, char *name, size_t size)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_small(path, name, size) <= 0)
		(void)snprintf(name, size, "?");
	name[strcspn(name, "\n")] = '\0';
	/* A process chooses its own name.  Control characters in it must not get to the terminal. */
	for (char *at = name; *at != '\0'; at++) {
		if (!isprint((unsigned char)*at))
			*at = '?';
	}
}

pid_t proc_newest_pid(void)
{
	char text[128];
	const char *at;

	if (read_small("/proc/loadavg", text, sizeof(text)) <= 0)
		return 0;
	at = strrchr(text, ' ');
	return at == NULL ? 0 : atoi(at);
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

int proc_list(pid_t **pids, size_t *count)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t *all = NULL;
	size_t n = 0;
	int err = 0;

	if (dir == NULL)
		return fail(errno, "cannot open /proc: %s (is it mounted?)", strerror(errno));
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = ARRAY_GROW(&all, n, 1);
		if (err == 0)
			all[n++] = atoi(entry->d_name);
	}
	(void)closedir(dir);
	if (err != 0) {
		free(all);
		return err;
	}
	if (n > 0)
		qsort(all, n, sizeof(*all), compare_pids);
	*pids = all;
	*count = n;
	return 0;
}
