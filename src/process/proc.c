/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "array.h"

#define STATUS_MAX (1u << 20)
#define PF_IO_WORKER 0x10UL		/* include/linux/sched.h */
#define PF_USER_WORKER 0x4000UL

/*
 * Read a whole small file of /proc, and end it by a NUL.  Returns its size, or -errno; one that
 * does not fit is -E2BIG, as what is missing of it might matter.
 */
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
	return fill == size - 1 ? -E2BIG : (int)fill;
}

/*
 * The same of a file of any size, into memory that is kept for the next call.  With 65,536
 * groups a process's status has half a million bytes.
 */
static int read_whole(const char *path, const char **text)
{
	static char *buf;
	static size_t room;
	int got;

	for (;;) {
		if (room > 0) {
			got = read_small(path, buf, room);
			if (got != -E2BIG) {
				*text = buf;
				return got;
			}
		}
		if (room > STATUS_MAX)
			return -E2BIG;
		free(buf);
		room = room == 0 ? 8192 : 4 * room;
		buf = malloc(room);
		if (buf == NULL) {
			room = 0;
			return -ENOMEM;
		}
	}
}

/* The text behind the name of a field; NULL if there is no such line. */
static const char *field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? NULL : at + strlen(name);
}

/* A field with a number.  One that is not there is an error, and no 0. */
static int read_field(const char *text, const char *name, int base, uint64_t *value)
{
	const char *at = field(text, name);
	char *end;

	if (at == NULL)
		return -ENODATA;
	*value = strtoull(at, &end, base);
	return end == at ? -ENODATA : 0;
}

int proc_read_status(pid_t tid, struct proc_status *status)
{
	uint64_t tgid = 0, tracer = 0, uid = 0, seccomp = 0;
	const struct {
		const char *name;
		int base;
		uint64_t *value;
	} fields[] = {
		{ "\nTgid:\t", 10, &tgid },
		{ "\nTracerPid:\t", 10, &tracer },
		{ "\nUid:\t", 10, &uid },
		{ "\nCapPrm:\t", 16, &status->permitted },
		{ "\nCapEff:\t", 16, &status->effective },
		{ "\nSigPnd:\t", 16, &status->pending },
		{ "\nShdPnd:\t", 16, &status->shared_pending },
		{ "\nSigBlk:\t", 16, &status->blocked },
		{ "\nSigCgt:\t", 16, &status->caught },
	};
	const char *text, *state, *features;
	char path[40], *end;
	int got, err = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	got = read_whole(path, &text);
	if (got < 0)
		return got == -ENOENT ? -ESRCH : got;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && err == 0; i++)
		err = read_field(text, fields[i].name, fields[i].base, fields[i].value);
	state = field(text, "\nState:\t");
	if (err != 0 || state == NULL)
		return -ENODATA;
	/* The file was read to its end: where this line is not there the kernel has no seccomp. */
	if (field(text, "\nSeccomp:\t") != NULL)
		err = read_field(text, "\nSeccomp:\t", 10, &seccomp);
	/* From Linux 6.6 on, arch/x86/kernel/cpu/proc.c; a list of words. */
	features = field(text, "\nx86_Thread_features:\t");
	status->has_shadow_stack = features != NULL &&
		memmem(features, strcspn(features, "\n"), "shstk", strlen("shstk")) != NULL;
	status->state = state[0];
	status->tgid = (pid_t)tgid;
	status->tracer = (pid_t)tracer;
	status->uid = (uid_t)uid;
	(void)strtoul(field(text, "\nUid:\t"), &end, 10);
	status->euid = (uid_t)strtoul(end, NULL, 10);
	status->seccomp = (int)seccomp;
	return err;
}

/* Find a field of a thread's stat by its number in proc(5), from 3 on; NULL if it is gone. */
static const char *find_stat(const char *path, unsigned number, char *text, size_t size)
{
	const char *at;

	if (read_small(path, text, size) < 0)
		return NULL;
	/* The name is in parentheses, and may have parentheses in it, so the last one counts. */
	at = strrchr(text, ')');
	for (unsigned i = 2; i < number && at != NULL; i++)
		at = strchr(at + 1, ' ');
	return at == NULL ? NULL : at + 1;
}

char proc_thread_state(pid_t pid, pid_t tid)
{
	char path[64], text[1024];
	const char *state;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	state = find_stat(path, 3, text, sizeof(text));
	return state == NULL ? '\0' : *state;
}

/* Documentation/filesystems/proc.rst: number and six arguments of the call, SP and PC; or "running". */
int proc_thread_pc(pid_t pid, pid_t tid, uint64_t *pc, uint64_t *sp)
{
	char path[64], text[256], *at = text;
	uint64_t words[2] = { 0 };
	int got, n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	got = read_small(path, text, sizeof(text));
	if (got < 0)
		return got;
	/* The last two words count: there are no arguments behind a number of -1. */
	for (at = strchr(text, ' '); at != NULL; at = strchr(at + 1, ' '), n++) {
		words[0] = words[1];
		words[1] = strtoull(at + 1, NULL, 16);
	}
	*sp = words[0];
	*pc = words[1];
	return n >= 2 ? 0 : -EAGAIN;
}

int proc_read_call(pid_t pid, pid_t tid, struct proc_call *call)
{
	char path[64], text[256], *at = text, *end;
	int got;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	got = read_small(path, text, sizeof(text));
	if (got < 0)
		return got;
	/* "running", or "-1 SP PC" outside of a call, or the number and the arguments, SP and PC. */
	if (text[0] == 'r')
		return -EBUSY;
	if (!isdigit((unsigned char)text[0]))
		return -EAGAIN;
	call->number = strtoull(at, &end, 10);
	for (size_t i = 0; i < 8; i++) {
		at = end;
		*(i < 6 ? &call->args[i] : i == 6 ? &call->sp : &call->pc) = strtoull(at, &end, 16);
		if (end == at)
			return -EAGAIN;
	}
	return 0;
}

bool proc_is_blocking(pid_t pid, uint64_t fd)
{
	char path[64], text[4096];
	const char *flags;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", pid, (unsigned)fd);
	if (read_small(path, text, sizeof(text)) < 0)
		return false;
	flags = field(text, "\nflags:\t");
	return flags != NULL && (strtoul(flags, NULL, 8) & O_NONBLOCK) == 0;
}

bool proc_is_pipe(pid_t pid, uint64_t fd)
{
	static const char pipe[] = "pipe:";
	char path[64], text[sizeof(pipe)] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%u", pid, (unsigned)fd);
	return readlink(path, text, sizeof(text) - 1) > 0 && strcmp(text, pipe) == 0;
}

unsigned long proc_user_time(pid_t pid, pid_t tid)
{
	char path[64], text[1024];
	const char *time;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	time = find_stat(path, 14, text, sizeof(text));
	return time == NULL ? 0 : strtoul(time, NULL, 10);
}

uint64_t proc_run_time(pid_t pid, pid_t tid)
{
	char path[48], text[80];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	return read_small(path, text, sizeof(text)) > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
}

unsigned long proc_flags(pid_t pid)
{
	char path[40], text[1024];
	const char *flags;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	flags = find_stat(path, 9, text, sizeof(text));
	return flags == NULL ? 0 : strtoul(flags, NULL, 10);
}

pid_t proc_parent(pid_t pid)
{
	char path[40], text[1024];
	const char *field;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	field = find_stat(path, 4, text, sizeof(text));
	return field == NULL ? 0 : (pid_t)strtol(field, NULL, 10);
}

unsigned long proc_start_time(pid_t pid)
{
	char path[40], text[1024];
	const char *field;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	field = find_stat(path, 3, text, sizeof(text));
	if (field == NULL || *field == 'Z' || *field == 'X')
		return 0;
	field = find_stat(path, 22, text, sizeof(text));
	return field == NULL ? 0 : strtoul(field, NULL, 10);
}

void proc_layout(pid_t pid, uint64_t *brk, uint64_t *stack)
{
	char path[40], text[1024];
	const char *field;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	field = find_stat(path, 47, text, sizeof(text));
	*brk = field == NULL ? 0 : strtoull(field, NULL, 10);
	field = find_stat(path, 28, text, sizeof(text));
	*stack = field == NULL ? 0 : strtoull(field, NULL, 10);
}

bool proc_read_implies_exec(pid_t pid)
{
	char path[40], text[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/personality", pid);
	return read_small(path, text, sizeof(text)) > 0 && (strtoul(text, NULL, 16) & READ_IMPLIES_EXEC) != 0;
}

/* Whether the kernel is Linux 6.4 or a later one, where PF_USER_WORKER has its meaning. */
static bool has_user_workers(void)
{
	static int has = -1;

	if (has == -1) {
		struct utsname name;
		unsigned long major, minor;
		char *end;

		has = 0;
		if (uname(&name) == 0) {
			major = strtoul(name.release, &end, 10);
			minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
			has = major > 6 || (major == 6 && minor >= 4);
		}
	}
	return has == 1;
}

bool proc_is_kernel_thread(pid_t pid, pid_t tid)
{
	char path[64], text[1024];
	const char *at;
	unsigned long flags;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	at = find_stat(path, 9, text, sizeof(text));
	flags = at == NULL ? 0 : strtoul(at, NULL, 10);
	return (flags & PF_IO_WORKER) != 0 || ((flags & PF_USER_WORKER) != 0 && has_user_workers());
}

int proc_ptrace_scope(void)
{
	char text[16];

	return read_small("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) < 0 ? 0 : atoi(text);
}

size_t proc_max_map_count(void)
{
	char text[32];

	return read_small("/proc/sys/vm/max_map_count", text, sizeof(text)) < 0 ? 0 : strtoul(text, NULL, 10);
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
