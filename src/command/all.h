/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * all: chooses the processes of the host that a command is for.
 */
#ifndef NSB_ALL_H
#define NSB_ALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

/* What a process has to be like.  A field that is not set excludes none. */
struct choice {
	const char *exe;	/* its executable: the name, or the whole path if there is a slash */
	bool by_user;
	uid_t uid;		/* real user id */
	const uint8_t *build_id;	/* of an object that it has loaded */
	size_t build_id_size;
};

/* What is known of files that processes have loaded; zeroed: nothing. */
struct all_files {
	struct all_file *all;	/* sorted by inode, owned */
	size_t count;
};
void all_files_deinit(struct all_files *files);

/*
 * Is a process so?  1, 0, or -errno.  Kernel threads are not, nor is nsb itself, nor what
 * nsb may not look into.  A build-id is read once for each file, however many processes
 * map it, and then from the file: what one process has in its memory in place of it is
 * only its own affair.
 */
int all_matches(const struct choice *choice, struct all_files *files, pid_t pid) MUST_CHECK;

/* The conditions on the process itself, its executable and its user, asked once more. */
bool all_is_still(const struct choice *choice, pid_t pid);

/* Find a user's id in /etc/passwd by the name; `name` may also be the number.  -EINVAL with a message. */
int all_find_user(const char *name, uid_t *uid) MUST_CHECK;

#endif
