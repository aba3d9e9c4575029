/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tracer PID: trace it, say so, and stay. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 2 || ptrace(PTRACE_SEIZE, atoi(argv[1]), NULL, NULL) != 0) {
		perror("tracer");
		return 1;
	}
	printf("tracing\n");
	fflush(stdout);
	for (;;)
		pause();
}
