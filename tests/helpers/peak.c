/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peak REPORT COMMAND...: run COMMAND, and look once in a millisecond how much memory it and its
 * children have together: their shares of what is mapped (Pss of proc(5)), and files in memory
 * that are theirs.  REPORT gets a line: the most in KiB, how often it was looked, microseconds
 * from start to end.  The exit status is that of COMMAND, 128 + n if signal n ended it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned long microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000ul + (unsigned long)now.tv_nsec / 1000;
}

static size_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t got;

	while (fd != -1 && have < size - 1 && (got = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)got;
	if (fd != -1)
		close(fd);
	text[have] = '\0';
	return have;
}

/* KiB of a process. */
static unsigned long share(int pid)
{
	char path[40], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	read_file(path, text, sizeof(text));
	at = strstr(text, "\nPss:");
	return at == NULL ? 0 : strtoul(at + 5, NULL, 10);
}

/* KiB of files in memory that a process has open, and that have no name. */
static unsigned long files(int pid)
{
	char folder[40], path[400], link[64];
	unsigned long sum = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;
		ssize_t size;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		size = readlink(path, link, sizeof(link) - 1);
		link[size < 0 ? 0 : size] = '\0';
		if (strncmp(link, "/memfd:", 7) == 0 && stat(path, &st) == 0)
			sum += (unsigned long)st.st_blocks / 2;
	}
	if (dir != NULL)
		closedir(dir);
	return sum;
}

static unsigned long look(int pid)
{
	unsigned long sum = share(pid) + files(pid);
	char path[60], text[4096], *at = text;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	read_file(path, text, sizeof(text));
	for (;;) {
		char *end;
		long child = strtol(at, &end, 10);

		if (end == at)
			return sum;
		sum += share((int)child);
		at = end;
	}
}

int main(int argc, char **argv)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	unsigned long most = 0, looks = 0, began = microseconds();
	FILE *report;
	int status;
	pid_t pid;

	if (argc < 3)
		return 64;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		unsigned long now = look(pid);

		most = now > most ? now : most;
		looks++;
		nanosleep(&tick, NULL);
	}
	report = fopen(argv[1], "w");
	if (report == NULL || fprintf(report, "%lu %lu %lu\n", most, looks, microseconds() - began) < 0 || fclose(report) != 0)
		return 1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
