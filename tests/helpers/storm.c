/* SPDX-License-Identifier: GPL-2.0-or-later */
/* storm N PROGRAM [ARGUMENTS...]: execute it N times, one after another, each has to end with 0; prints the microseconds of one. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	const int count = argc < 3 ? 0 : atoi(argv[1]);
	const double begun = now();

	for (int i = 0; i < count; i++) {
		pid_t pid;
		int status;

		if (posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
			fprintf(stderr, "the %dth one failed\n", i + 1);
			return 1;
		}
	}
	printf("%.1f\n", (now() - begun) / (count > 0 ? count : 1));
	return count > 0 ? 0 : 64;
}
