/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue PID N [LAST]: send SIGRTMIN+1 with the value N, up to LAST; wait while its queue is full. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int last;

	if (argc < 3)
		return 64;
	last = atoi(argv[argc - 1]);
	for (int i = atoi(argv[2]); i <= last; i++) {
		union sigval value = { .sival_int = i };

		while (sigqueue(atoi(argv[1]), SIGRTMIN + 1, value) != 0) {
			if (errno != EAGAIN)
				return 1;
			usleep(1000);
		}
		if (i % 16 == 0)
			usleep(500);
	}
	return 0;
}
