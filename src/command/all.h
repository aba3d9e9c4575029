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

/*
 * The conditions of --exe, --user, and the patch or --build-id, on a process.  A field that is
 * not set excludes no process.
 */
struct choice {
	const char *exe;	/* its executable: the name, or the whole path if there is a slash */
	bool by_user;
	uid_t uid;		/* real user id */
	const uint8_t *build_id;	/* of an object that it has loaded */
	size_t build_id_size;
	bool is_prefix;		/* it is the beginning of one */
};

/* The files that were looked at so far, for example libc.so.6, and their build-ids.  Zeroed, it has no file. */
struct all_files {
	struct all_file *all;	/* sorted by inode, owned */
	size_t count;
};
void all_files_deinit(struct all_files *files);

/*
 * Does the process meet the conditions?  1, 0, or -errno if that cannot be found out: -EACCES or -EPERM if nsb may not
 * look at the process.  If there is a build-id, a kernel thread does not.
 * The build-id is that of the mapped file, which is read once for all processes.  Example: a
 * process that has overwritten the header of libssl.so.3 in its memory does not hide the other
 * processes that use the library.  Only where nsb may not open the file it asks the memory of
 * that one process.
 */
int all_matches(const struct choice *choice, struct all_files *files, pid_t pid) MUST_CHECK;

/* A file that a process has loaded, and executes code of. */
struct all_object {
	const uint8_t *build_id;
	size_t build_id_size;	/* 0: it has none */
	uint64_t inode;
	const char *path;	/* as the process sees it */
	const char *soname;	/* "" if it has none, or nsb could not open the file */
	bool is_deleted;	/* the file was deleted, or another one took its place, since */
};
/*
 * Call `each` for the files that a process has loaded.  The errors are those of maps_read(), with a message, of
 * interrupt_check(), and -EACCES or -EPERM where nsb may not look at some of the files.
 */
int all_each_object(struct all_files *files, pid_t pid, void (*each)(void *ctx, const struct all_object *object),
		    void *ctx) MUST_CHECK;

/*
 * Does the process still meet the conditions on its executable and its user?  It may have called
 * exec(2) since all_matches(), or have ended, and another may have its number.
 */
bool all_is_still(const struct choice *choice, pid_t pid);

/*
 * The parent of a process if it runs the same executable, and the process has executed that itself since it was
 * forked; else 0.  A fork has its stack where its parent has it; what is executed has it
 * elsewhere, where the kernel lays stacks at random.
 */
pid_t all_executed_by(pid_t pid);

/* Find a user's id in /etc/passwd by the name; `name` may also be the number.  -EINVAL with a message. */
int all_find_user(const char *name, uid_t *uid) MUST_CHECK;

#endif
