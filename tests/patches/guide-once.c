/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, limit);

int allowed(int n);

/* Reads the limit from a file, and may wait for the disk: no work for a hook. */
static void read_limit(void)
{
	char text[16] = "";
	int fd = open("limit", O_RDONLY | O_CLOEXEC);

	if (fd != -1 && read(fd, text, sizeof(text) - 1) > 0)
		limit = atoi(text);
	if (fd != -1)
		close(fd);
}

int allowed(int n)
{
	static int state;			/* 0: not yet; 1: somebody is at it; 2: done */
	int expected = 0;

	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != 2) {
		if (__atomic_compare_exchange_n(&state, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			read_limit();
			__atomic_store_n(&state, 2, __ATOMIC_RELEASE);
		}
		while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != 2)
			__builtin_ia32_pause();
	}
	return n <= limit;
}
