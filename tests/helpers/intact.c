/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intact: compare its own code with its file for a second, and say "as it was" or what has
 * changed, or that somebody still traces it then.  It is linked statically, so that its code is
 * the file's.
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

static int is_traced(void)
{
	static const char field[] = "\nTracerPid:\t";
	char text[4096] = "";
	int fd = open("/proc/self/status", O_RDONLY);
	const char *at;

	if (fd == -1 || read(fd, text, sizeof(text) - 1) <= 0)
		return 1;
	close(fd);
	at = strstr(text, field);
	return at == NULL || at[sizeof(field) - 1] != '0';
}

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
	if (is_traced()) {
		printf("TRACED, user %u\n", geteuid());
		return 1;
	}
	printf("as it was, user %u\n", geteuid());
	return 0;
}
