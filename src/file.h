/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: opens files that somebody else may have made.
 *
 * Whoever can write a file, or the folder that it is in, decides what nsb finds there.  Examples:
 * a FIFO, which keeps its reader waiting; a device, which may act when it is opened; a sparse
 * file that claims to be larger than all disks.  Errors, with a message: those of open(2), and
 * -ENOEXEC for a file that is no regular one, or that claims too much.
 */
#ifndef NSB_FILE_H
#define NSB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "msg.h"

/*
 * Open a regular file to read it.  Anything else is not even opened.  The caller owns *fd;
 * *st is what fstat(2) says of it.
 */
int file_open(const char *path, int *fd, struct stat *st) MUST_CHECK;

/*
 * Check a file before libelf sees it, as libelf allocates memory for all that the file claims to
 * have.  It may have `most_sections` section headers, and it must not be a small file that claims
 * to be a large one.  A file that is no ELF file passes: libelf refuses it.
 */
int file_check_elf(const char *path, int fd, const struct stat *st, uint64_t most_sections) MUST_CHECK;

/*
 * Read all of a file into memory, which the caller frees.  A file that is mapped instead kills
 * its reader by SIGBUS when somebody truncates it.
 */
int file_read_all(const char *path, int fd, const struct stat *st, uint8_t **bytes) MUST_CHECK;

/* Close all descriptors but stdin, stdout, stderr and one more. */
void file_close_others(int kept);

#endif
