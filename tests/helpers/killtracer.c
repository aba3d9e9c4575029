/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * killtracer REPORT N ABI PROGRAM [ARGUMENTS...]: start it, and kill whoever traces it then instead of his N-th call of
 * ptrace(2); he is a program of that ABI.
 * REPORT gets 1 or 0: whether there was an N-th; or 2: nobody was seen tracing it before it had begun.  The exit status is the program's, 128 + n if signal n ended it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 20

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Whether it executes that file by now, and not this one. */
static bool has_begun(pid_t pid, const struct stat *program)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &st) == 0 && st.st_dev == program->st_dev && st.st_ino == program->st_ino;
}

static pid_t find_tracer(pid_t pid)
{
	char path[40], text[4096] = "";
	const char *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	at = strstr(text, "\nTracerPid:\t");
	return at == NULL ? 0 : atoi(at + 12);
}

/* Which call a stopped tracee is about to make; -1: it makes none just now. */
static long call_begun(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY ?
	       (long)info.entry.nr : -1;
}

static bool kill_at(pid_t tracer, long wanted, long number)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tracer, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0 || ptrace(PTRACE_INTERRUPT, tracer, NULL, NULL) != 0)
		return false;
	while (waitpid(tracer, &status, __WALL) == tracer && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && call_begun(tracer) == number && --wanted == 0) {
			kill(tracer, SIGKILL);
			return true;
		}
		ptrace(PTRACE_SYSCALL, tracer, NULL, (void *)(long)(status >> 16 == 0 && WSTOPSIG(status) < SIGTRAP ? WSTOPSIG(status) : 0));
	}
	return false;
}

int main(int argc, char **argv)
{
	const long number = argc > 4 && strcmp(argv[3], "i386") == 0 ? 26 : 101;
	const time_t end = now() + PATIENCE_S;
	pid_t child, tracer = 0;
	bool begun = false;
	struct stat program;
	FILE *report;
	int status, reached = 2;

	if (argc < 5 || stat(argv[4], &program) != 0)
		return 64;
	child = fork();
	if (child == 0) {
		execv(argv[4], argv + 4);
		perror(argv[4]);
		_exit(127);
	}
	/* On a busy machine it would come too late. */
	setpriority(PRIO_PROCESS, 0, -20);
	while (tracer == 0 && !begun && now() < end) {
		begun = has_begun(child, &program);
		tracer = find_tracer(child);
	}
	if (tracer != 0)
		reached = kill_at(tracer, atol(argv[2]), number);
	report = fopen(argv[1], "w");
	if (report == NULL || fprintf(report, "%d\n", reached) < 0 || fclose(report) != 0 || waitpid(child, &status, 0) != child) {
		perror("killtracer");
		return 126;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
