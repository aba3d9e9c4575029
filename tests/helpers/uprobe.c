/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uprobe FILE OFFSET entry|return: set a probe there, as perf does, say "probing", and keep it
 * until this ends.  OFFSET is hexadecimal, in the file.  Exit status 77: the kernel has none.
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .sample_period = 1 };
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	unsigned type;

	if (argc != 4 || file == NULL || fscanf(file, "%u", &type) != 1)
		return 77;
	attr.type = type;
	attr.config = strcmp(argv[3], "return") == 0;	/* bit 0 of its format: retprobe */
	attr.config1 = (uintptr_t)argv[1];
	attr.config2 = strtoull(argv[2], NULL, 16);
	if (syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) == -1)
		return 77;
	for (int cpu = 1; cpu < 1024; cpu++) {
		if (syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC) == -1)
			break;
	}
	printf("probing\n");
	fflush(stdout);
	for (;;)
		pause();
}
