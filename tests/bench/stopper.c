/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stopper PID: the floor.  Stops all threads of a process, waits until each stands, and
 * lets all go on: what no tool that stops them together can do with less.  It looks at
 * nothing and changes nothing.  Threads must not come or go meanwhile.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "meter.h"

static pid_t *tids;
static size_t count;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void list_threads(const char *pid)
{
	struct dirent *entry;
	size_t room = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (dir == NULL)
		die(path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (count == room) {
			room = room == 0 ? 64 : 2 * room;
			tids = realloc(tids, room * sizeof(*tids));
			if (tids == NULL)
				die("realloc");
		}
		tids[count++] = atoi(entry->d_name);
	}
	closedir(dir);
}

static void for_each_thread(int request, const char *what)
{
	for (size_t i = 0; i < count; i++) {
		if (ptrace(request, tids[i], NULL, NULL) != 0)
			die(what);
	}
}

int main(int argc, char **argv)
{
	uint64_t began, stopped, ended;

	if (argc != 2) {
		fprintf(stderr, "usage: stopper PID\n");
		return 64;
	}
	list_threads(argv[1]);
	for_each_thread(PTRACE_SEIZE, "PTRACE_SEIZE");
	began = now_ns();
	for_each_thread(PTRACE_INTERRUPT, "PTRACE_INTERRUPT");
	for (size_t i = 0; i < count; i++) {
		int status;

		if (waitpid(tids[i], &status, __WALL) != tids[i] || !WIFSTOPPED(status))
			die("waitpid");
	}
	stopped = now_ns();
	for_each_thread(PTRACE_CONT, "PTRACE_CONT");
	ended = now_ns();
	/* Running threads cannot be detached from, except by the tracer's end. */
	printf("{\"threads\": %zu, \"stop_ns\": %llu, \"held_ns\": %llu}\n", count,
	       (unsigned long long)(stopped - began), (unsigned long long)(ended - began));
	return 0;
}
