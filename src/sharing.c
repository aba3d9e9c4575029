/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sharing.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

/*
 * A process and the executable of its memory.  To look that up takes most of the
 * time, and it need not be done twice: memory has one executable as long as it lives,
 * and a process that calls exec gets new memory, which it shares with nobody.
 */
struct process {
	pid_t pid;
	ino_t inode;		/* of /proc/PID: another process of this number has another one */
	dev_t exe_device;
	ino_t exe_inode;	/* 0: it has none, or we may not know it */
};

static struct process *known;	/* sorted by pid */
static size_t n_known;
static pid_t newest;		/* the number given last when they were listed */

static int compare_processes(const void *a, const void *b)
{
	pid_t left = ((const struct process *)a)->pid, right = ((const struct process *)b)->pid;

	return (left > right) - (left < right);
}

static void look_up_exe(struct process *process)
{
	const struct process *before = n_known == 0 ? NULL :
				       bsearch(process, known, n_known, sizeof(*known),
					       compare_processes);
	char path[40];
	struct stat st;

	if (before != NULL && before->inode == process->inode) {
		*process = *before;
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", process->pid);
	if (stat(path, &st) != 0)
		return;
	process->exe_device = st.st_dev;
	process->exe_inode = st.st_ino;
}

static int list_processes(struct process **processes, size_t *count)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t room = 0;

	*processes = NULL;
	*count = 0;
	if (dir == NULL)
		return fail(errno, "cannot open /proc: %s (is it mounted?)", strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (*count == room) {
			struct process *more = reallocarray(*processes, room + 256, sizeof(*more));

			if (more == NULL) {
				free(*processes);
				(void)closedir(dir);
				return fail(ENOMEM, "out of memory");
			}
			*processes = more;
			room += 256;
		}
		(*processes)[*count] = (struct process){ .pid = atoi(entry->d_name),
							 .inode = entry->d_ino };
		look_up_exe(&(*processes)[*count]);
		*count += 1;
	}
	(void)closedir(dir);
	if (*count > 0)
		qsort(*processes, *count, sizeof(**processes), compare_processes);
	return 0;
}

/* Sharing begins when a process is born, and not later: without births the list will do. */
static int update(void)
{
	struct process *processes;
	pid_t now = proc_newest_pid();
	size_t count;
	int err;

	if (now != 0 && now == newest)
		return 0;
	err = list_processes(&processes, &count);
	if (err != 0)
		return err;
	free(known);
	known = processes;
	n_known = count;
	newest = now;
	return 0;
}

int sharing_find(pid_t pid, pid_t living, pid_t *other)
{
	struct stat mine;
	char path[40];
	int err;

	*other = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", living);
	if (stat(path, &mine) != 0)
		return -errno;
	err = update();
	if (err != 0)
		return err;
	for (size_t i = 0; i < n_known && *other == 0; i++) {
		if (known[i].pid != pid && known[i].exe_inode == mine.st_ino &&
		    known[i].exe_device == mine.st_dev &&
		    syscall(SYS_kcmp, living, known[i].pid, KCMP_VM, 0, 0) == 0)
			*other = known[i].pid;
	}
	return 0;
}
