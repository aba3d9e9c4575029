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

#include "array.h"
#include "proc.h"

#define BORN_MAX 512

/*
 * A process, and the executable that its memory belongs to.  To look the executable up takes
 * most of the time, so it is done only once.  That is enough: a process that calls exec(2) gets
 * new memory, which it shares with nobody, and until then its executable stays the same.
 */
struct process {
	pid_t pid;
	ino_t inode;		/* of /proc/PID: another process with the same pid has another inode */
	dev_t exe_device;
	ino_t exe_inode;	/* 0: it has no executable, or nsb may not read it */
	bool alone;		/* it shared its memory with no other when they were listed */
};

static struct process *known;	/* sorted by pid */
static size_t n_known;
static pid_t newest;		/* proc_newest_pid() when they were last listed or looked for */
static pid_t born[BORN_MAX];	/* ids of processes and threads that were born since they were listed */
static size_t n_born;
/* mark_alone() was called for the known processes; it pays, as sharing_find() was called before. */
static bool marked, wanted;

static int compare_processes(const void *a, const void *b)
{
	pid_t left = ((const struct process *)a)->pid, right = ((const struct process *)b)->pid;

	return (left > right) - (left < right);
}

/* `proc` is a descriptor of /proc. */
static void look_up_exe(int proc, struct process *process)
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
	(void)snprintf(path, sizeof(path), "%d/exe", process->pid);
	if (fstatat(proc, path, &st, 0) != 0)
		return;
	process->exe_device = st.st_dev;
	process->exe_inode = st.st_ino;
}

static int list_processes(struct process **processes, size_t *count)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	*processes = NULL;
	*count = 0;
	if (dir == NULL)
		return fail(errno, "cannot open /proc: %s (is it mounted?)", strerror(errno));
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = ARRAY_GROW(processes, *count, 1);
		if (err != 0)
			break;
		(*processes)[*count] = (struct process){ .pid = atoi(entry->d_name),
							 .inode = entry->d_ino };
		look_up_exe(dirfd(dir), &(*processes)[*count]);
		*count += 1;
	}
	(void)closedir(dir);
	if (err != 0)
		free(*processes);
	else if (*count > 0)
		qsort(*processes, *count, sizeof(**processes), compare_processes);
	return err;
}

static long compare_memory(pid_t a, pid_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0);
}

/* Order processes by executable, and then by memory: kcmp(2) answers 0 for equal, 1 for less, 2 for greater. */
static int compare_memories(const void *a, const void *b)
{
	const struct process *left = *(const struct process *const *)a;
	const struct process *right = *(const struct process *const *)b;
	long order;

	if (left->exe_device != right->exe_device)
		return left->exe_device < right->exe_device ? -1 : 1;
	if (left->exe_inode != right->exe_inode)
		return left->exe_inode < right->exe_inode ? -1 : 1;
	order = compare_memory(left->pid, right->pid);
	return order == 1 ? -1 : order == 2 ? 1 : 0;
}

/*
 * Mark the processes that share their memory with no other.  To sort n processes by their memory
 * takes n log n comparisons; without that, each process that is patched would take n.  A process
 * that ends or calls exec(2) meanwhile can spoil the order.  So all neighbours are compared once
 * more, and the marks are set only if each is less than the next.
 */
static void mark_alone(struct process *processes, size_t count)
{
	struct process **order = calloc(count + 1, sizeof(*order));
	bool same_before = false;
	size_t n = 0;

	for (size_t i = 0; order != NULL && i < count; i++) {
		processes[i].alone = false;
		if (processes[i].exe_inode != 0 &&
		    compare_memory(processes[i].pid, processes[i].pid) == 0)
			order[n++] = &processes[i];
	}
	if (n > 0)
		qsort(order, n, sizeof(*order), compare_memories);
	for (size_t i = 0; i < n; i++) {
		int next = i + 1 == n ? -1 : compare_memories(&order[i], &order[i + 1]);

		order[i]->alone = next < 0 && !same_before;
		same_before = next == 0;
		if (next > 0) {
			for (size_t k = 0; k < count; k++)
				processes[k].alone = false;
			break;
		}
	}
	free(order);
}

static int list_anew(pid_t now)
{
	struct process *processes;
	size_t count;
	int err = list_processes(&processes, &count);

	if (err != 0)
		return err;
	free(known);
	known = processes;
	n_known = count;
	newest = now;
	n_born = 0;
	marked = false;
	return 0;
}

/*
 * Bring the list up to date.  A process can share another's memory only from its birth on, so
 * it is enough to know those that were listed, and those that were born since.
 */
static int update(void)
{
	pid_t now = proc_newest_pid();

	if (now == 0 || n_known == 0 || now < newest || (size_t)(now - newest) > BORN_MAX - n_born)
		return list_anew(now);
	while (newest < now)
		born[n_born++] = ++newest;
	return 0;
}

/* Whether id `number` is another process with this memory.  It may also be a thread, for example of `pid` itself. */
static bool shares(pid_t living, pid_t pid, pid_t number)
{
	struct proc_status status;

	return compare_memory(living, number) == 0 && proc_read_status(number, &status) == 0 &&
	       status.tgid == number && number != pid;
}

static bool is_alone(pid_t pid)
{
	const struct process key = { .pid = pid };
	const struct process *process = bsearch(&key, known, n_known, sizeof(*known),
						compare_processes);

	for (size_t i = 0; i < n_born; i++) {
		if (born[i] == pid)
			return false;
	}
	return process != NULL && process->alone;
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
	if (wanted && !marked) {
		mark_alone(known, n_known);
		marked = true;
	}
	wanted = true;
	for (size_t i = 0; i < n_born && *other == 0; i++) {
		if (shares(living, pid, born[i]))
			*other = born[i];
	}
	if (*other != 0 || is_alone(pid))
		return 0;
	for (size_t i = 0; i < n_known && *other == 0; i++) {
		if (known[i].pid != pid && known[i].exe_inode == mine.st_ino &&
		    known[i].exe_device == mine.st_dev &&
		    compare_memory(living, known[i].pid) == 0)
			*other = known[i].pid;
	}
	return 0;
}
