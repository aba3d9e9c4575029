/* SPDX-License-Identifier: GPL-2.0-or-later */
/* share: a process that shares its address space with another one; prints its pid. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));

static int wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

int main(void)
{
	if (clone(wait_for_ever, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) < 0) {
		perror("clone");
		return 1;
	}
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;)
		pause();
}
