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

/*
 * The processes of the host that are so, ascending; *pids is malloced.  Not among
 * them are kernel threads, nsb itself, and what nsb may not look into.  A build-id
 * is read once for each file, however many processes map it.
 */
int all_choose(const struct choice *choice, pid_t **pids, size_t *count) MUST_CHECK;

/* Find a user's id in /etc/passwd by the name; `name` may also be the number.  -EINVAL with a message. */
int all_find_user(const char *name, uid_t *uid) MUST_CHECK;

#endif
