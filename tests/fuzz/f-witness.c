/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the comparison of two linked files.  Input: the size of the first one in four bytes, and
 * then both; without a second one the first is compared with itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *file_of(int *fd, const uint8_t *data, size_t size, char path[40])
{
	if (*fd < 0)
		*fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, 0) || pwrite(*fd, data, size, 0) != (ssize_t)size)
		abort();
	(void)snprintf(path, 40, "/proc/self/fd/%d", *fd);
	return path;
}

static void check(const struct differences *differences)
{
	for (size_t i = 0; i < differences->n_pairs; i++) {
		const struct pair *pair = &differences->pairs[i];

		if (pair->likeness == LIKE_NUMBERED || (pair->likeness != LIKE_SAME && pair->why == NULL))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fds[2] = { -1, -1 };
	struct build old = { .path = NULL }, new = { .path = NULL };
	struct differences differences = { .n_pairs = 0 };
	char paths[2][40];
	uint32_t first;

	if (size < 4)
		return 0;
	memcpy(&first, data, 4);
	data += 4;
	size -= 4;
	if (first > size)
		first = (uint32_t)size;
	size_t second = size - first;
	const char *one = file_of(&fds[0], data, first, paths[0]);
	const char *other = second != 0 ? file_of(&fds[1], data + first, second, paths[1]) : one;
	int err = build_open(&old, one, NULL);

	if (err == 0)
		err = build_open(&new, other, NULL);
	if (err == 0)
		err = witness_compare(&old, &new, &differences);
	if (err == 0)
		check(&differences);
	else if (*msg_kept() == '\0')
		abort();
	differences_deinit(&differences);
	build_close(&new);
	build_close(&old);
	msg_forget();
	return 0;
}
