/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch.h"

/*
 * A file that takes less space on disk than a sixteenth of its size consists of holes: a file
 * system that compresses still stores debug info in a fifth of its size.  A file of less than
 * HARMLESS bytes is taken in any case.
 */
#define MOST_SPARSE 16
#define HARMLESS (UINT64_C(16) << 20)

/* O_NONBLOCK: to open a FIFO would wait for its writer; O_NOCTTY: a terminal would become ours. */
#define FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int cannot_open(const char *path)
{
	return fail(errno, "%s: %s", path, strerror(errno));
}

static int refuse_kind(const char *path, int fd)
{
	if (fd != -1)
		(void)close(fd);
	return fail(ENOEXEC, "%s: it is no regular file", path);
}

/*
 * With O_PATH the file is found but not opened, so it can be judged first.  The link in /proc
 * leads to that very file, whatever stands at its path by then.  Without /proc the path is
 * opened a second time, and what was opened is judged again.
 */
int file_open(const char *path, int *fd, struct stat *st)
{
	int found = open(path, O_PATH | O_CLOEXEC);
	char link[40];

	*fd = -1;
	if (found == -1)
		return cannot_open(path);
	if (fstat(found, st) != 0) {
		int err = cannot_open(path);

		(void)close(found);
		return err;
	}
	if (!S_ISREG(st->st_mode))
		return refuse_kind(path, found);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	*fd = open(link, FILE_FLAGS);
	if (*fd == -1 && errno == ENOENT)
		*fd = open(path, FILE_FLAGS);
	if (*fd == -1 || fstat(*fd, st) != 0) {
		int err = cannot_open(path);

		(void)close(found);
		if (*fd != -1)
			(void)close(*fd);
		*fd = -1;
		return err;
	}
	(void)close(found);
	if (S_ISREG(st->st_mode))
		return 0;
	found = *fd;
	*fd = -1;
	return refuse_kind(path, found);
}

static int read_at(int fd, uint64_t offset, void *buf, size_t size)
{
	ssize_t got;

	do
		got = pread(fd, buf, size, (off_t)offset);
	while (got == -1 && errno == EINTR);
	return got == (ssize_t)size ? 0 : -EIO;
}

/* If there are more section headers than e_shnum can tell, sh_size of the first one is their number: elf(5). */
static uint64_t count_sections(int fd, uint64_t table, uint64_t count, bool wide)
{
	union {
		Elf64_Shdr wide;
		Elf32_Shdr narrow;
	} first;

	if (count != 0 || table == 0 || table > INT64_MAX ||
	    read_at(fd, table, &first, wide ? sizeof(first.wide) : sizeof(first.narrow)) != 0)
		return count;
	return wide ? first.wide.sh_size : first.narrow.sh_size;
}

int file_check_elf(const char *path, int fd, const struct stat *st, uint64_t most_sections)
{
	uint64_t size = (uint64_t)st->st_size, stored = (uint64_t)st->st_blocks * 512, count;
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} header;

	/* st_blocks is 0 on file systems that do not tell how much they store. */
	if (size > HARMLESS && stored != 0 && size / MOST_SPARSE > stored)
		return fail(ENOEXEC, "%s: of its %" PRIu64 " MiB only %" PRIu64 " KiB are there, the rest are holes "
			    "(an ELF file has none)", path, size >> 20, stored >> 10);
	if (read_at(fd, 0, &header.narrow, sizeof(header.narrow)) != 0 ||
	    memcmp(header.ident, ELFMAG, SELFMAG) != 0)
		return 0;
	if (arch_class_word(header.ident[EI_CLASS]) != 8)
		count = count_sections(fd, header.narrow.e_shoff, header.narrow.e_shnum, false);
	else if (read_at(fd, 0, &header.wide, sizeof(header.wide)) == 0)
		count = count_sections(fd, header.wide.e_shoff, header.wide.e_shnum, true);
	else
		return 0;
	if (count > most_sections)
		return fail(ENOEXEC, "%s: it claims to have %" PRIu64 " sections; nsb reads up to %" PRIu64, path, count,
			    most_sections);
	return 0;
}

int file_read_all(const char *path, int fd, const struct stat *st, uint8_t **bytes)
{
	size_t size = (size_t)st->st_size, have = 0;
	uint8_t *all;

	*bytes = NULL;
	if (st->st_size < 0 || (uint64_t)st->st_size > SIZE_MAX / 2)
		return fail(EFBIG, "%s: %s", path, strerror(EFBIG));
	all = malloc(size + 1);
	if (all == NULL)
		return fail(ENOMEM, "%s: out of memory for %zu bytes", path, size);
	while (have < size) {
		ssize_t got = pread(fd, all + have, size - have, (off_t)have);
		int err = 0;

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			err = fail(errno, "%s: cannot read: %s", path, strerror(errno));
		else if (got == 0)
			err = fail(ENOEXEC, "%s: it became shorter while it was read", path);
		if (err != 0) {
			free(all);
			return err;
		}
		have += (size_t)got;
	}
	*bytes = all;
	return 0;
}

void file_close_others(int kept)
{
	struct rlimit limit;

#ifdef SYS_close_range
	if ((kept <= 3 || syscall(SYS_close_range, 3, kept - 1, 0) == 0) &&
	    syscall(SYS_close_range, kept + 1, ~0u, 0) == 0)
		return;
#endif
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
		limit.rlim_cur = 65536;
	for (int fd = 3; fd < (int)limit.rlim_cur; fd++) {
		if (fd != kept)
			(void)close(fd);
	}
}
