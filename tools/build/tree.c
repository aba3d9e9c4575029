/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

static int write_file(const char *path, const char *bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes);

	if (fd >= 0)
		close(fd);
	return is_written ? 0 : -errno;
}

/* A mount namespace; who is not root needs a user namespace for it, in which the user stays the same. */
static int unshare_mounts(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNS) != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
			return -errno;
		if (write_file("/proc/self/setgroups", "deny") != 0 ||
		    write_file("/proc/self/uid_map", text("%u %u 1", uid, uid)) != 0 ||
		    write_file("/proc/self/gid_map", text("%u %u 1", gid, gid)) != 0)
			return -EPERM;
	}
	/* No mount is to be seen outside. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	return 0;
}

static bool can_mount(const char *on, const char *what)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare_mounts() == 0 && mount(what, on, NULL, MS_BIND, NULL) == 0 ? 0 : 1);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	return pid > 0 && status == 0;
}

void place_init(struct place *place, const char *source, const char *work)
{
	place->source = realpath(source, NULL);
	if (place->source == NULL)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", source, strerror(errno));
	struct stat st;
	if (stat(place->source, &st) != 0 || !S_ISDIR(st.st_mode))
		stop(STAGE_SOURCE, "%s: the source is not to be had: it is no folder", source);
	place->is_mounted = can_mount(place->source, work);
	place->path = place->source;
}

void place_enter(const struct place *place, const char *tree)
{
	if (!place->is_mounted)
		return;
	int err = unshare_mounts();
	if (err == 0 && mount(tree, place->path, NULL, MS_BIND, NULL) != 0)
		err = -errno;
	if (err != 0)
		stop(STAGE_OTHER, "cannot mount a copy on %s: %s", place->path, strerror(-err));
}

void place_begin(const struct place *place, const char *tree)
{
	if (!place->is_mounted && rename(tree, place->path) != 0)
		stop(STAGE_OTHER, "%s: %s", place->path, strerror(errno));
}

void place_end(const struct place *place, const char *tree)
{
	if (!place->is_mounted && rename(place->path, tree) != 0)
		stop(STAGE_OTHER, "%s: %s", tree, strerror(errno));
}

char *place_outside(const struct place *place, const char *tree, const char *path)
{
	size_t length = strlen(place->path);

	if (strncmp(path, place->path, length) != 0 || (path[length] != '/' && path[length] != '\0'))
		return text("%s", path);
	return text("%s%s", tree, path + length);
}

static bool is_elf(const unsigned char *bytes, size_t size)
{
	return size >= 18 && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

/* Are these the first bytes of what a build makes? */
static bool was_made(const unsigned char *bytes, size_t size)
{
	if (is_elf(bytes, size) || (size >= 8 && (memcmp(bytes, "!<arch>\n", 8) == 0 || memcmp(bytes, "!<thin>\n", 8) == 0)))
		return true;
	/* "# x.lo - a libtool object file" */
	return size > 2 && bytes[0] == '#' && (memmem(bytes, size, " - a libtool object file", 24) != NULL ||
					       memmem(bytes, size, " - a libtool library file", 25) != NULL);
}

static void copy_bytes(int in, int out, const char *to)
{
	ssize_t n;

	while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
		while ((n = sendfile(out, in, NULL, 1 << 30)) > 0)
			;
	if (n < 0)
		stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
}

static int open_source(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", path, strerror(errno));
	return fd;
}

static bool is_made(int fd)
{
	unsigned char start[128];
	ssize_t n = pread(fd, start, sizeof(start), 0);

	return n < 0 || was_made(start, (size_t)n);
}

bool tree_is_source(const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return S_ISLNK(st->st_mode) || S_ISDIR(st->st_mode);
	int fd = open_source(path);
	bool is_source = !is_made(fd);

	close(fd);
	return is_source;
}

static void copy_regular(const char *from, const char *to, const struct stat *st, bool is_built)
{
	int in = open_source(from);

	if (is_built || !is_made(in)) {
		int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);

		if (out < 0)
			stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
		copy_bytes(in, out, to);
		/* The build may want the very mode, and goes by the times. */
		if (fchmod(out, st->st_mode & 07777) != 0 ||
		    futimens(out, (struct timespec[]){ st->st_atim, st->st_mtim }) != 0 || close(out) != 0)
			stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
	}
	close(in);
}

static void copy(const char *from, const char *to, const char *work, bool is_built)
{
	struct stat st;
	DIR *dir = opendir(from);
	struct dirent *entry;

	if (dir == NULL || stat(from, &st) != 0)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", from, strerror(errno));
	if (mkdir(to, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		char *old = text("%s/%s", from, entry->d_name), *new = text("%s/%s", to, entry->d_name), link[4096];
		struct stat each;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || (work != NULL && strcmp(old, work) == 0))
			continue;
		if (lstat(old, &each) != 0)
			stop(STAGE_SOURCE, "%s: the source is not to be had: %s", old, strerror(errno));
		if (S_ISDIR(each.st_mode)) {
			copy(old, new, work, is_built);
		} else if (S_ISREG(each.st_mode)) {
			copy_regular(old, new, &each, is_built);
		} else if (S_ISLNK(each.st_mode)) {
			ssize_t n = readlink(old, link, sizeof(link) - 1);

			if (n >= 0)
				link[n] = '\0';
			if (n < 0 || symlink(link, new) != 0 ||
			    utimensat(AT_FDCWD, new, (struct timespec[]){ each.st_atim, each.st_mtim }, AT_SYMLINK_NOFOLLOW) != 0)
				stop(STAGE_OTHER, "%s: %s", new, strerror(errno));
		}
		free(old);
		free(new);
	}
	closedir(dir);
	if (chmod(to, (st.st_mode & 07777) | 0700) != 0 ||
	    utimensat(AT_FDCWD, to, (struct timespec[]){ st.st_atim, st.st_mtim }, 0) != 0)
		stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
}

void tree_copy(const char *from, const char *to, const char *work)
{
	copy(from, to, work, false);
}

void tree_copy_built(const char *from, const char *to)
{
	copy(from, to, NULL, true);
}

void tree_overwrite(const char *from, const char *to)
{
	int in = open_source(from), out = open(to, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);

	if (out < 0)
		stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
	copy_bytes(in, out, to);
	if (futimens(out, NULL) != 0 || close(out) != 0)
		stop(STAGE_OTHER, "%s: %s", to, strerror(errno));
	close(in);
}

static bool same_links(const char *a, const char *b)
{
	char to_a[4096], to_b[4096];
	ssize_t n = readlink(a, to_a, sizeof(to_a)), m = readlink(b, to_b, sizeof(to_b));

	return n >= 0 && n == m && memcmp(to_a, to_b, (size_t)n) == 0;
}

/*
 * Walk `tree`: is all of it in `other`, in the same shape?  Files that differ there are added to *changed, and
 * what is missing there to *missing, if that is wanted.
 */
static bool is_within(const char *tree, const char *other, const char *work, const char *below, struct words *changed,
		      struct words *missing)
{
	DIR *dir = opendir(tree);
	struct dirent *entry;
	bool is_all = dir != NULL;

	while (is_all && (entry = readdir(dir)) != NULL) {
		char *a = text("%s/%s", tree, entry->d_name), *b = text("%s/%s", other, entry->d_name);
		char *name = text("%s%s%s", below, *below != '\0' ? "/" : "", entry->d_name);
		struct stat one, two;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(a, work) == 0)
			continue;
		if (lstat(a, &one) != 0 || !tree_is_source(a, &one))
			continue;
		bool is_missing = lstat(b, &two) != 0;
		if (is_missing && missing != NULL)
			words_add(missing, name);
		else if (is_missing || (one.st_mode & S_IFMT) != (two.st_mode & S_IFMT))
			is_all = false;
		else if (S_ISDIR(one.st_mode))
			is_all = is_within(a, b, work, name, changed, missing);
		else if (S_ISLNK(one.st_mode))
			is_all = same_links(a, b);
		/* A copy keeps the times. */
		else if (changed != NULL && (one.st_size != two.st_size || one.st_mtim.tv_sec != two.st_mtim.tv_sec ||
					     one.st_mtim.tv_nsec != two.st_mtim.tv_nsec) && !same_files(a, b))
			words_add(changed, name);
	}
	if (dir != NULL)
		closedir(dir);
	return is_all;
}

bool tree_compare(const char *source, const char *copy, const char *work, struct words *changed, struct words *added)
{
	return is_within(source, copy, work, "", changed, NULL) && is_within(copy, source, work, "", NULL, added);
}

void tree_remove(const char *path)
{
	DIR *dir;
	struct dirent *entry;

	if (unlink(path) == 0 || errno == ENOENT)
		return;
	(void)chmod(path, 0700);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		char *each = text("%s/%s", path, entry->d_name);
		tree_remove(each);
		free(each);
	}
	closedir(dir);
	(void)rmdir(path);
}

static bool is_program(const char *path)
{
	unsigned char start[18];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, start, sizeof(start)) : -1;

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)sizeof(start) && is_elf(start, (size_t)n) && (start[16] == ET_EXEC || start[16] == ET_DYN);
}

void tree_find_programs(const char *path, struct words *found)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		char *each = text("%s/%s", path, entry->d_name);
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || lstat(each, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			tree_find_programs(each, found);
		else if (S_ISREG(st.st_mode) && is_program(each))
			words_add(found, each);
	}
	closedir(dir);
}
