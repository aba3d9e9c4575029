/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gauge FILE COMMAND...: run a command, and tell what the meter behind FILE saw of it;
 * with `-` for FILE there is no meter.  Prints a line of JSON after what the command
 * prints.  Small, as the kernel counts the memory of who starts a program as that
 * program's, and in C, so that starting it disturbs the meter little.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter.h"

#define PATIENCE_NS 20000000000u

extern char **environ;

static struct meter *open_meter(const char *path)
{
	struct meter *meter;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	meter = mmap(NULL, sizeof(*meter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return meter == MAP_FAILED ? NULL : meter;
}

/* Open the window, or close it, and wait until the meter knows. */
static int turn(struct meter *meter)
{
	const struct timespec moment = { .tv_nsec = 20000 };
	uint64_t end = now_ns() + PATIENCE_NS;
	uint32_t window;

	if (meter == NULL)
		return 0;
	window = meter->window + 1;
	__atomic_store_n(&meter->window, window, __ATOMIC_RELEASE);
	while (__atomic_load_n(&meter->seen, __ATOMIC_ACQUIRE) != window) {
		if (now_ns() > end) {
			fprintf(stderr, "gauge: the meter does not answer\n");
			return -1;
		}
		nanosleep(&moment, NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct meter *meter = NULL;
	struct rusage usage;
	uint64_t began, elapsed;
	int err, status;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: gauge FILE|- COMMAND...\n");
		return 64;
	}
	if (strcmp(argv[1], "-") != 0) {
		meter = open_meter(argv[1]);
		if (meter == NULL) {
			perror(argv[1]);
			return 1;
		}
	}
	if (turn(meter) != 0)
		return 1;
	began = now_ns();
	err = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
	if (err != 0) {
		fprintf(stderr, "gauge: %s: %s\n", argv[2], strerror(err));
		return 1;
	}
	if (wait4(pid, &status, 0, &usage) != pid) {
		perror("wait4");
		return 1;
	}
	elapsed = now_ns() - began;
	if (turn(meter) != 0)
		return 1;
	printf("{\"status\": %d, \"elapsed_ns\": %llu, \"peak_kib\": %ld, \"gap_ns\": %llu, "
	       "\"looks\": %llu, \"answer\": %u}\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       (unsigned long long)elapsed, usage.ru_maxrss,
	       (unsigned long long)(meter != NULL ? meter->gap_ns : 0),
	       (unsigned long long)(meter != NULL ? meter->looks : 0),
	       meter != NULL ? meter->answer : 0);
	return 0;
}
