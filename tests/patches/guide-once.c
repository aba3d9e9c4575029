/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <nsb/vzp.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

VZP_FILE("guide.c");
VZP_STATIC_VAR_REF(int, limit);

int allowed(int n);

int allowed(int n)
{
	return n <= limit;
}

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
VZP_ONCE(read_limit)
