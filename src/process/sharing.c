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
 * A process and the executable of its memory.  To look that up takes most of the
 * time, and it need not be done twice: memory has one executable as long as it lives,
 * and a process that calls exec gets new memory, which it shares with nobody.
 */
struct process {
	pid_t pid;
	ino_t inode;		/* of /proc/PID: another process of this number has another one */
	dev_t exe_device;
	ino_t exe_inode;	/* 0: it has none, or we may not know it */
	bool alone;		/* shared its memory with none when they were listed */
};

static struct process *known;	/* sorted by pid */
static size_t n_known;
static pid_t newest;		/* the number given last when they were listed, or looked for */
static pid_t born[BORN_MAX];	/* numbers given since, to threads also */
static size_t n_born;
static bool marked, wanted;	/* mark_alone() was made; it pays: this is not the first question */

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
		look_up_exe(&(*processes)[*count]);
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

/* kcmp(2) orders memories: 1 is less, 2 greater. */
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
 * Who has memory of his own: with n processes in the order of their memories that
 * takes n log n comparisons, not n for each that is patched.  One that ends or calls
 * exec meanwhile may spoil the order: so it is looked at once more, and believed only if
 * each is less than the next.
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

/* Sharing begins when a process is born, and not later: the list and who was born since will do. */
static int update(void)
{
	pid_t now = proc_newest_pid();

	if (now == 0 || n_known == 0 || now < newest || (size_t)(now - newest) > BORN_MAX - n_born)
		return list_anew(now);
	while (newest < now)
		born[n_born++] = ++newest;
	return 0;
}

/* A number may be a thread's, also one of the process itself. */
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
