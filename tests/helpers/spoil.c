/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spoil TID: change a vector register of a thread, as a bad tracer would. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static void check(long result, const char *what)
{
	if (result != -1)
		return;
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct user_fpregs_struct regs;
	pid_t tid = argc == 2 ? atoi(argv[1]) : 0;
	int status;

	check(ptrace(PTRACE_SEIZE, tid, NULL, NULL), "PTRACE_SEIZE");
	check(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), "PTRACE_INTERRUPT");
	check(waitpid(tid, &status, __WALL), "waitpid");
	check(ptrace(PTRACE_GETFPREGS, tid, NULL, &regs), "PTRACE_GETFPREGS");
	regs.xmm_space[3 * 4] ^= 1;
	check(ptrace(PTRACE_SETFPREGS, tid, NULL, &regs), "PTRACE_SETFPREGS");
	check(ptrace(PTRACE_DETACH, tid, NULL, NULL), "PTRACE_DETACH");
	return 0;
}
