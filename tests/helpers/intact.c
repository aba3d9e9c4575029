/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intact: compare its own code with its file for a second, and say "as it was" or what has
 * changed.  It is linked statically, so that its code is the file's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const uint8_t __executable_start[], etext[];

int main(void)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	const size_t size = (size_t)(etext - __executable_start);
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	const uint8_t *file;

	if (fd == -1 || fstat(fd, &st) != 0 || (size_t)st.st_size < size)
		return 1;
	file = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		return 1;
	for (int i = 0; i < 50; i++) {
		if (memcmp(file, __executable_start, size) != 0) {
			printf("CHANGED, user %u\n", geteuid());
			return 1;
		}
		nanosleep(&tick, NULL);
	}
	printf("as it was, user %u\n", geteuid());
	return 0;
}
