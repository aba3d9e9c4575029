/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "msg.h"

#ifndef FAN_OPEN_EXEC_PERM
#define FAN_OPEN_EXEC_PERM 0x40000	/* Linux 5.0 */
#endif
#ifndef FAN_MARK_FILESYSTEM
#define FAN_MARK_FILESYSTEM 0x100	/* Linux 4.20 */
#endif

#define DEVICES_MAX 256u	/* file systems of one list that are marked once; others at each of their mounts */

/* Their files are on disks of this host, or in its memory. */
static bool is_local(const char *type)
{
	static const char *const types[] = {
		"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "overlay", "tmpfs", "ramfs", "squashfs", "erofs", "zfs",
		"bcachefs", "jfs", "reiserfs", "iso9660", "udf", "vfat", "aufs",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Spaces and their like are written as \040, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		if (from[0] == '\\' && from[1] != '\0' && from[2] != '\0' && from[3] != '\0') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* A line is: id parent device root place options ... - type source ... (proc(5)).  *place is cut out of it. */
static bool parse_line(char *line, char **device, char **place)
{
	char *fields[5], *type = strstr(line, " - "), *rest = line;

	if (type == NULL)
		return false;
	type[3 + strcspn(type + 3, " \n")] = '\0';
	for (int i = 0; i < 5; i++)
		fields[i] = strsep(&rest, " ");
	*device = fields[2];
	*place = fields[4];
	return rest != NULL && is_local(type + 3);
}

static void mark_place(const struct mounts *mounts, const struct view *view, const char *place)
{
	char path[PATH_MAX + 32];

	if (view->pid == 0)
		(void)snprintf(path, sizeof(path), "%s", place);
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/root%s", view->pid, place);
	if (fanotify_mark(mounts->fan, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, AT_FDCWD, path) == 0)
		debug("marked: the file system of %s", path);
	else if (errno != ENOENT && errno != ESRCH && errno != EACCES && errno != ENOTDIR)
		warn("%s: its file system cannot be watched: %s", path, strerror(errno));
}

static void mark_view(const struct mounts *mounts, const struct view *view)
{
	uint64_t seen[DEVICES_MAX];
	size_t n_seen = 0, size = 0;
	char *line = NULL;
	int fd = dup(view->fd);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "r");

	if (file == NULL) {
		warn("the mounts of %d cannot be read: %s", view->pid, strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return;
	}
	rewind(file);
	while (getline(&line, &size, file) != -1) {
		char *device, *place;
		uint64_t number;
		size_t i = 0;

		if (!parse_line(line, &device, &place))
			continue;
		number = strtoull(device, &device, 10) << 32;
		number |= *device == ':' ? strtoull(device + 1, NULL, 10) : 0;
		while (i < n_seen && seen[i] != number)
			i++;
		if (i < n_seen)
			continue;
		if (n_seen < DEVICES_MAX)
			seen[n_seen++] = number;
		unescape(place);
		mark_place(mounts, view, place);
	}
	free(line);
	(void)fclose(file);
}

/* 0: the process is gone. */
static uint64_t namespace_of(pid_t pid)
{
	char path[40] = "/proc/self/ns/mnt";
	struct stat st;

	if (pid != 0)
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void mounts_see(struct mounts *mounts, pid_t pid)
{
	const uint64_t namespace = namespace_of(pid);
	char path[40] = "/proc/self/mountinfo";
	struct view *view;
	int fd;

	for (size_t i = 0; i < mounts->n_views; i++) {
		if (mounts->views[i].namespace == namespace)
			return;
	}
	if (pid != 0)
		(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	fd = namespace == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	/* The first one is nsb's own. */
	if (mounts->n_views < VIEWS_MAX) {
		view = &mounts->views[mounts->n_views++];
	} else {
		view = &mounts->views[1 + mounts->next++ % (VIEWS_MAX - 1)];
		(void)close(view->fd);
	}
	*view = (struct view){ .pid = pid, .fd = fd, .namespace = namespace };
	mark_view(mounts, view);
}

void mounts_drop_old(struct mounts *mounts)
{
	for (size_t i = 1; i < mounts->n_views;) {
		struct view *view = &mounts->views[i];

		if (namespace_of(view->pid) == view->namespace) {
			i++;
			continue;
		}
		(void)close(view->fd);
		*view = mounts->views[--mounts->n_views];
	}
}

void mounts_poll(const struct mounts *mounts, struct pollfd *fds)
{
	for (size_t i = 0; i < VIEWS_MAX; i++)
		fds[i] = (struct pollfd){ .fd = i < mounts->n_views ? mounts->views[i].fd : -1, .events = POLLPRI };
}

void mounts_look(struct mounts *mounts, const struct pollfd *fds)
{
	for (size_t i = 0; i < mounts->n_views; i++) {
		if (fds[i].fd == mounts->views[i].fd && (fds[i].revents & (POLLPRI | POLLERR)))
			mark_view(mounts, &mounts->views[i]);
	}
}
