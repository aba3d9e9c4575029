/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LINKS 40		/* the kernel follows as many, path_resolution(7) */

/* O_NONBLOCK: to open a FIFO would wait for its writer.  Whoever reads the file refuses a FIFO. */
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* A walk along a path. */
struct path_walk {
	const char *path;	/* the whole path as it was given, for messages */
	int fd;			/* the folder that was reached, in the end the file; -1: none */
	unsigned links;
	char rest[PATH_MAX];	/* the part of the path that is left */
	char place[PATH_MAX];	/* the path of the folder that was reached, for messages */
};

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == getuid();
}

static int refuse(const struct path_walk *walk, const char *why, unsigned long who)
{
	char by[32] = "";

	if (who != 0)
		(void)snprintf(by, sizeof(by), " %lu", who);
	return fail(EKEYREJECTED, "%s: refused, as others may change it: %s %s%s (put it where only root"
		    " writes, or trust it by --insecure-file)", walk->path, walk->place, why, by);
}

/* If a file has an ACL, its group bits are the mask of the ACL (acl(5)), so they are judged all the same. */
static int judge(const struct path_walk *walk, const struct stat *st)
{
	bool is_shared = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;

	/* A device, a socket or a FIFO is refused by whoever reads the file. */
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
		return 0;
	if (!is_trusted(st->st_uid))
		return refuse(walk, "belongs to user", st->st_uid);
	if (S_ISLNK(st->st_mode) || (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX)))
		return 0;
	return is_shared ? refuse(walk, "is writable by its group or by all", 0) : 0;
}

/* Go to what was opened as `fd`, which is -1 if it could not be opened. */
static int step(struct path_walk *walk, int fd)
{
	struct stat st;
	int err;

	if (fd == -1)
		return fail(errno, "%s: cannot open: %s", walk->path, strerror(errno));
	if (walk->fd != -1)
		(void)close(walk->fd);
	walk->fd = fd;
	if (fstat(fd, &st) != 0)
		return fail(errno, "%s: cannot stat: %s", walk->path, strerror(errno));
	err = judge(walk, &st);
	return err;
}

static int start_at_root(struct path_walk *walk)
{
	(void)snprintf(walk->place, sizeof(walk->place), "/");
	return step(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Take the first component off the rest. */
static bool next_component(struct path_walk *walk, char name[NAME_MAX + 1], bool *is_last)
{
	const char *at = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(at, "/"), skip;

	if (length == 0 || length > NAME_MAX)
		return false;
	memcpy(name, at, length);
	name[length] = '\0';
	skip = length + strspn(at + length, "/");
	*is_last = at[skip] == '\0';
	memmove(walk->rest, at + skip, strlen(at + skip) + 1);
	return true;
}

static void tell_place(struct path_walk *walk, const char *name)
{
	size_t length = strlen(walk->place);

	(void)snprintf(walk->place + length, sizeof(walk->place) - length, "%s%s",
		       length > 1 ? "/" : "", name);
}

static void tell_parent(struct path_walk *walk)
{
	char *slash = strrchr(walk->place, '/');

	if (slash == NULL || slash == walk->place)
		(void)snprintf(walk->place, sizeof(walk->place), "/");
	else
		*slash = '\0';
}

/* Follow a symbolic link.  Whoever may replace the link decides where it leads, so it is judged too. */
static int follow(struct path_walk *walk, const char *name)
{
	int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char aim[PATH_MAX], all[2 * PATH_MAX];
	struct stat st;
	ssize_t length;
	int err = 0;

	if (fd == -1 || fstat(fd, &st) != 0)
		err = fail(errno, "%s: cannot open: %s", walk->path, strerror(errno));
	else if (!S_ISLNK(st.st_mode))
		err = fail(EAGAIN, "%s: is being changed while it is opened", walk->path);
	else
		err = judge(walk, &st);
	length = err == 0 ? readlinkat(fd, "", aim, sizeof(aim) - 1) : 0;
	if (fd != -1)
		(void)close(fd);
	if (err != 0)
		return err;
	if (length <= 0 || ++walk->links > MOST_LINKS)
		return fail(ELOOP, "%s: cannot open: %s", walk->path, strerror(ELOOP));
	aim[length] = '\0';
	if (snprintf(all, sizeof(all), "%s/%s", aim, walk->rest) >= (int)sizeof(walk->rest))
		return fail(ENAMETOOLONG, "%s: cannot open: %s", walk->path, strerror(ENAMETOOLONG));
	memcpy(walk->rest, all, strlen(all) + 1);
	tell_parent(walk);
	return aim[0] == '/' ? start_at_root(walk) : 0;
}

static int walk_component(struct path_walk *walk, const char *name, bool is_last)
{
	int flags = is_last ? FILE_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = openat(walk->fd, name, flags | O_NOFOLLOW);

	if (strcmp(name, "..") == 0)
		tell_parent(walk);
	else if (strcmp(name, ".") != 0)
		tell_place(walk, name);
	/* For a symbolic link O_NOFOLLOW fails with ELOOP, and together with O_DIRECTORY with ENOTDIR: open(2). */
	if (fd == -1 && (errno == ELOOP || (!is_last && errno == ENOTDIR))) {
		struct stat st;

		if (fstatat(walk->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return follow(walk, name);
		errno = ENOTDIR;
	}
	return step(walk, fd);
}

/* A relative path is walked from the root, too: the folders above the current one are judged as well. */
static int start(struct path_walk *walk, const char *path)
{
	char here[PATH_MAX] = "";

	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return fail(errno, "%s: cannot tell the current folder: %s", path, strerror(errno));
	if (path[0] == '\0')
		return fail(ENOENT, "cannot open '': %s", strerror(ENOENT));
	if (snprintf(walk->rest, sizeof(walk->rest), "%s/%s", here, path) >= (int)sizeof(walk->rest))
		return fail(ENAMETOOLONG, "%s: cannot open: %s", path, strerror(ENAMETOOLONG));
	return start_at_root(walk);
}

int trust_open(const char *path, bool careful, int *fd)
{
	struct path_walk walk = { .path = path, .fd = -1 };
	char name[NAME_MAX + 1];
	bool is_last = false;
	int err;

	if (!careful || geteuid() != 0) {
		*fd = open(path, FILE_FLAGS);
		return *fd != -1 ? 0 : fail(errno, "%s: cannot open: %s", path, strerror(errno));
	}
	err = start(&walk, path);
	while (err == 0 && next_component(&walk, name, &is_last))
		err = walk_component(&walk, name, is_last);
	if (err == 0 && !is_last)
		err = fail(ENAMETOOLONG, "%s: cannot open: %s", path, strerror(ENAMETOOLONG));
	if (err != 0 && walk.fd != -1)
		(void)close(walk.fd);
	*fd = walk.fd;
	return err;
}
