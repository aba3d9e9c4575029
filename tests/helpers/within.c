/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * within TO ACT MILLISECONDS COMMAND...: run COMMAND, and do ACT to it after that time: none; TERM or KILL, a
 * signal; suspend, SIGTSTP and half a second later SIGCONT; suspend-all, SIGSTOP in its place, of its whole group.
 * TO gets: the status of COMMAND, as a shell has it; how many milliseconds it took; how many
 * from the signal to the end, 0 if it had ended before; and how late this program was altogether
 * when it wanted to be woken, which is what a busy machine costs COMMAND, too.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 2
#define SUSPENDED_MS 500

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	double began, ended, acted = 0, awake, late = 0, after;
	bool suspended = false;
	FILE *to;
	pid_t child;
	int status, signal_of_act;

	if (argc < 5)
		return 2;
	after = atof(argv[3]);
	signal_of_act = strcmp(argv[2], "TERM") == 0 ? SIGTERM : strcmp(argv[2], "KILL") == 0 ? SIGKILL :
			strcmp(argv[2], "suspend") == 0 ? SIGTSTP : strcmp(argv[2], "suspend-all") == 0 ? SIGSTOP : 0;
	began = now();
	child = fork();
	if (child == 0) {
		setpgid(0, 0);
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	setpgid(child, child);
	awake = now();
	while (waitpid(child, &status, WNOHANG) == 0) {
		nanosleep(&tick, NULL);
		late += now() - awake - TICK_MS;
		awake = now();
		if (acted == 0 && signal_of_act != 0 && awake - began >= after) {
			acted = awake;
			suspended = signal_of_act == SIGTSTP || signal_of_act == SIGSTOP;
			kill(signal_of_act == SIGSTOP ? -child : child, signal_of_act);
		} else if (suspended && awake - acted >= SUSPENDED_MS) {
			suspended = false;
			kill(-child, SIGCONT);
		}
	}
	ended = now();
	to = fopen(argv[1], "w");
	if (to == NULL)
		return 2;
	fprintf(to, "%d %.0f %.0f %.0f\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), ended - began,
		acted == 0 ? 0 : ended - acted, late > 0 ? late : 0);
	return fclose(to) == 0 ? 0 : 2;
}
