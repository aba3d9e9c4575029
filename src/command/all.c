/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "object.h"
#include "proc.h"

/*
 * A file that processes have loaded.  Device and inode do not suffice to recognise it, because
 * on an overlay two files of different layers may have the same; so the path has to be the same.
 */
struct file {
	uint64_t device, inode;
	char *path;		/* owned */
	bool matches;		/* it has the build-id that is looked for */
};

/* The search: the files that have been looked at, sorted by inode. */
struct file_search {
	const struct choice *choice;
	struct file *files;
	size_t n_files;
};

/* The file of a mapping, NULL if it has not been looked at. */
static const struct file *find_file(const struct file_search *search, const struct mapping *m)
{
	size_t i = ARRAY_UPTO(search->files, search->n_files, inode, m->inode);

	for (; i > 0 && search->files[i - 1].inode == m->inode; i--) {
		const struct file *file = &search->files[i - 1];

		if (file->device == m->device && strcmp(file->path, m->path) == 0)
			return file;
	}
	return NULL;
}

static int add_file(struct file_search *search, const struct mapping *m, bool matches)
{
	struct file file = { m->device, m->inode, strdup(m->path), matches };
	size_t at = ARRAY_UPTO(search->files, search->n_files, inode, m->inode);
	int err;

	if (file.path == NULL)
		return fail(ENOMEM, "out of memory");
	err = ARRAY_GROW(&search->files, search->n_files, 1);
	if (err != 0) {
		free(file.path);
		return err;
	}
	memmove(search->files + at + 1, search->files + at,
		(search->n_files - at) * sizeof(*search->files));
	search->files[at] = file;
	search->n_files++;
	return 0;
}

/* ---- one file ---- */

static int read_process(const struct bytes *self, uint64_t address, void *buf, size_t size)
{
	const int *fd = self->ctx;
	ssize_t got = pread(*fd, buf, size, (off_t)address);

	return got == (ssize_t)size ? 0 : -EIO;
}

/*
 * 1, 0, or -errno if it cannot be told.  From the process's memory: the file may be
 * gone, replaced, or out of our reach.
 */
static int header_matches(const struct choice *choice, pid_t pid, const struct mapping *m)
{
	char path[40];
	struct elf elf;
	int fd, match = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (elf_open(&elf, (struct bytes){ read_process, &fd }, m->start) == 0) {
		match = elf.build_id_size == choice->build_id_size &&
			memcmp(elf.build_id, choice->build_id, choice->build_id_size) == 0;
		elf_deinit(&elf);
	} else {
		msg_forget();
	}
	(void)close(fd);
	return match;
}

static bool is_header(const struct mapping *m)
{
	return m->inode != 0 && m->offset == 0 && (m->prot & PROT_READ);
}

/* Whether the process has mapped the file of `m` as a header, or else as code. */
static bool is_mapped(const struct maps *maps, const struct mapping *m, bool as_header)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *other = &maps->all[i];

		if (other->inode == m->inode && other->device == m->device &&
		    (as_header ? is_header(other) : (other->prot & PROT_EXEC) != 0))
			return true;
	}
	return false;
}

/* ---- one process ---- */

/* The slow way, for an object whose header is in no mapping, as a linker script may have it. */
static bool objects_match(const struct choice *choice, pid_t pid)
{
	struct target target;
	struct objects objects = { 0 };
	bool match = false;
	int err = target_open(&target, pid, TARGET_VIEW);

	if (err == 0)
		err = objects_read(&objects, &target);
	if (err == 0)
		match = objects_find(&objects, NULL, choice->build_id,
				     choice->build_id_size) != NULL;
	objects_deinit(&objects);
	if (target_close(&target) != 0 || err != 0)
		debug("%s", msg_kept());
	msg_forget();
	return match;
}

/* Does it have the build-id loaded?  1, 0 or -errno. */
static int maps_match(struct file_search *search, pid_t pid, const struct maps *maps)
{
	bool headless = false;

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *m = &maps->all[i];
		const struct file *file;
		int match;

		if (m->inode != 0 && (m->prot & PROT_EXEC) && !is_header(m))
			headless = headless || !is_mapped(maps, m, true);
		if (!is_header(m))
			continue;
		file = find_file(search, m);
		if (file != NULL && file->matches)
			return 1;
		/* What is nowhere executable is data, or a device, and better left alone. */
		if (file != NULL || !is_mapped(maps, m, false))
			continue;
		match = header_matches(search->choice, pid, m);
		if (match >= 0 && add_file(search, m, match == 1) != 0)
			return -ENOMEM;
		if (match == 1)
			return 1;
	}
	return headless && objects_match(search->choice, pid);
}

static bool exe_matches(const char *want, pid_t pid)
{
	static const char deleted[] = " (deleted)";
	char link[40], path[PATH_MAX + 1], *end, *name;
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return false;
	path[length] = '\0';
	end = strstr(path, deleted);
	if (end != NULL && end[sizeof(deleted) - 1] == '\0')
		*end = '\0';
	name = strrchr(path, '/');
	if (strchr(want, '/') != NULL || name == NULL)
		return strcmp(want, path) == 0;
	return strcmp(want, name + 1) == 0;
}

static bool user_matches(uid_t uid, pid_t pid)
{
	struct proc_status status;

	return proc_read_status(pid, &status) == 0 && status.uid == uid;
}

/* 1, 0 or -errno.  What cannot be looked into does not match. */
static int process_matches(struct file_search *search, pid_t pid)
{
	const struct choice *choice = search->choice;
	struct maps maps;
	int match;

	if (pid == getpid() || (choice->exe != NULL && !exe_matches(choice->exe, pid)) ||
	    (choice->by_user && !user_matches(choice->uid, pid)))
		return 0;
	if (choice->build_id_size == 0)
		return 1;
	if (maps_read(&maps, pid) != 0) {
		debug("%s", msg_kept());
		msg_forget();
		return 0;
	}
	match = maps_match(search, pid, &maps);
	maps_deinit(&maps);
	return match;
}

int all_choose(const struct choice *choice, pid_t **pids, size_t *count)
{
	struct file_search search = { .choice = choice };
	size_t kept = 0;
	int match = 0, err = proc_list(pids, count);

	if (err != 0)
		return err;
	for (size_t i = 0; i < *count && match >= 0; i++) {
		match = process_matches(&search, (*pids)[i]);
		if (match == 1)
			(*pids)[kept++] = (*pids)[i];
	}
	for (size_t i = 0; i < search.n_files; i++)
		free(search.files[i].path);
	free(search.files);
	if (match < 0) {
		free(*pids);
		return match;
	}
	*count = kept;
	return 0;
}

/* ---- users ---- */

static bool parse_uid(const char *text, char end_with, uid_t *uid)
{
	char *end;
	unsigned long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	*uid = (uid_t)value;
	return errno == 0 && *end == end_with && value < UINT_MAX;
}

/* This reads passwd(5) itself: getpwnam(3) of a static program needs shared objects of glibc. */
int all_find_user(const char *name, uid_t *uid)
{
	size_t length = strlen(name), line_size = 0;
	char *line = NULL, *id;
	bool found = false;
	FILE *file;

	if (parse_uid(name, '\0', uid))
		return 0;
	file = fopen("/etc/passwd", "re");
	if (file == NULL)
		return fail(errno, "cannot open /etc/passwd: %s (give --user a number)",
			    strerror(errno));
	while (!found && getline(&line, &line_size, file) != -1) {
		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		id = strchr(line + length + 1, ':');
		found = id != NULL && parse_uid(id + 1, ':', uid);
	}
	free(line);
	(void)fclose(file);
	return found ? 0 : fail(EINVAL, "no such user in /etc/passwd: %s", name);
}
