/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mounts: marks the file systems of a host, so that the kernel holds whoever executes a file of them (fanotify(7)).
 *
 * Marked are whole file systems, not mounts of them: so it does not matter in which mount namespace a file is
 * executed, and by which path.  But a file system that is mounted in a namespace alone, say a container's overlay, is seen
 * in that one's list only.  So a list is kept open for each namespace in which somebody has executed something;
 * poll(2) tells when it changes.  Network file systems, FUSE and the kernel's own are not marked:
 * they may answer never, or have no programs.
 */
#ifndef NSB_MOUNTS_H
#define NSB_MOUNTS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#define VIEWS_MAX 64u	/* mount namespaces whose lists are kept open at once */

struct view {
	pid_t pid;		/* somebody in the namespace; 0: nsb itself */
	int fd;			/* his /proc/PID/mountinfo, which keeps the namespace alive */
	uint64_t namespace;	/* the inode of /proc/PID/ns/mnt */
};

/* Zeroed, it has no namespace. */
struct mounts {
	int fan;		/* where marks are made */
	struct view views[VIEWS_MAX];
	size_t n_views, next;
};

/* A process has executed something, or was found: mark what its mount namespace has, if that is a new one.  0: nsb itself. */
void mounts_see(struct mounts *mounts, pid_t pid);
/* Let namespaces go whose process is gone: nobody shall wait for nsb who unmounts something. */
void mounts_drop_old(struct mounts *mounts);
/* Fill in VIEWS_MAX items for poll(2); and mark anew what has changed by them. */
void mounts_poll(const struct mounts *mounts, struct pollfd *fds);
void mounts_look(struct mounts *mounts, const struct pollfd *fds);

#endif
