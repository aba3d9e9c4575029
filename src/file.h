/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: opens files that somebody else may have made.
 *
 * Whoever can write a file, or the folder that it lies in, decides what is found there: a
 * FIFO, which keeps its reader waiting; a device, which may act when it is opened; a sparse
 * file that claims to be larger than all disks.  Errors, with a message: those of open(2),
 * and -ENOEXEC for what is no regular file, or claims too much.
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
 * Check what an ELF file makes libelf allocate before libelf sees the file: it has at most
 * `most_sections` section headers,
 * and is not a small file that claims to be large.
 * A file that is no ELF file at all passes, as libelf refuses it.
 */
int file_check_elf(const char *path, int fd, const struct stat *st, uint64_t most_sections) MUST_CHECK;

/*
 * Read all of a file into memory, which the caller frees.  A file that is mapped instead kills
 * its reader by SIGBUS when somebody truncates it.
 */
int file_read_all(const char *path, int fd, const struct stat *st, uint8_t **bytes) MUST_CHECK;

#endif
