/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zombie: leave a dead child unburied, print its pid, and stay. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	siginfo_t info;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	printf("%d\n", child);
	fflush(stdout);
	for (;;)
		pause();
}
