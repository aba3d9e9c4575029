/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue PID N: send SIGRTMIN+1 with the value N. */
#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 64;
	return sigqueue(atoi(argv[1]), SIGRTMIN + 1, (union sigval){ .sival_int = atoi(argv[2]) }) != 0;
}
