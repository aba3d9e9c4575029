/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "all.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "interrupt.h"
#include "object.h"
#include "permission.h"
#include "proc.h"

/*
 * A file that processes have loaded.  Device and inode do not suffice to recognise it, because
 * on an overlay two files of different layers may have the same; so the path has to be the same.
 */
struct all_file {
	uint64_t device, inode;
	char *path;		/* owned */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_size;	/* 0: it has none, or is no ELF file */
	char soname[64];	/* "" if it has none, or it is not known */
};

/* What is known of the file of a mapping; NULL if it was not looked at yet. */
static const struct all_file *find_file(const struct all_files *files, const struct mapping *m)
{
	size_t i = ARRAY_UPTO(files->all, files->count, inode, m->inode);

	for (; i > 0 && files->all[i - 1].inode == m->inode; i--) {
		const struct all_file *file = &files->all[i - 1];

		if (file->device == m->device && strcmp(file->path, m->path) == 0)
			return file;
	}
	return NULL;
}

/* Add a file; its path is copied. */
static int add_file(struct all_files *files, const struct mapping *m, struct all_file file)
{
	size_t at = ARRAY_UPTO(files->all, files->count, inode, m->inode);
	int err;

	file.device = m->device;
	file.inode = m->inode;
	file.path = strdup(m->path);
	if (file.path == NULL)
		return fail(ENOMEM, "out of memory");
	err = ARRAY_GROW(&files->all, files->count, 1);
	if (err != 0) {
		free(file.path);
		return err;
	}
	memmove(files->all + at + 1, files->all + at, (files->count - at) * sizeof(*files->all));
	files->all[at] = file;
	files->count++;
	return 0;
}

void all_files_deinit(struct all_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->all[i].path);
	free(files->all);
	*files = (struct all_files){ 0 };
}

/* ---- one file ---- */

static int read_fd(const struct bytes *self, uint64_t offset, void *buf, size_t size)
{
	const int *fd = self->ctx;
	ssize_t got = pread(*fd, buf, size, (off_t)offset);

	return got == (ssize_t)size ? 0 : -EIO;
}

static bool has_build_id(const struct all_file *file, const struct choice *choice)
{
	return (file->build_id_size == choice->build_id_size ||
		(choice->is_prefix && file->build_id_size > choice->build_id_size)) &&
	       memcmp(file->build_id, choice->build_id, choice->build_id_size) == 0;
}

/* Keep the build-id of an image that was opened, if it could be, and the soname of a file. */
static void take_build_id(struct all_file *file, struct elf *elf, int opened, bool is_file)
{
	file->build_id_size = 0;
	file->soname[0] = '\0';
	if (opened == 0) {
		if (is_file)
			elf_file_soname(elf, file->soname, sizeof(file->soname));
		file->build_id_size = elf->build_id_size;
		memcpy(file->build_id, elf->build_id, elf->build_id_size);
		elf_deinit(elf);
	} else {
		msg_forget();
	}
}

/* Read the build-id of the mapped file.  It is found even if it was deleted or renamed since.  -errno: it cannot be opened. */
static int read_file(struct all_file *file, pid_t pid, const struct mapping *m)
{
	int fd = maps_open_file(pid, m);
	struct elf elf;

	if (fd < 0)
		return fd;
	take_build_id(file, &elf, elf_open_file_headers(&elf, (struct bytes){ read_fd, &fd }), true);
	(void)close(fd);
	return 0;
}

/* Read it from the ELF header that the process has in its memory there.  Its owner may have forged it. */
static int read_memory(struct all_file *file, pid_t pid, const struct mapping *m)
{
	char path[40];
	struct elf elf;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	take_build_id(file, &elf, elf_open(&elf, (struct bytes){ read_fd, &fd }, m->start), false);
	(void)close(fd);
	return 0;
}

/* The mapping of the same file that has its header, NULL if none has. */
static const struct mapping *find_header(const struct maps *maps, const struct mapping *m)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *other = &maps->all[i];

		if (other->inode == m->inode && other->device == m->device && other->offset == 0 &&
		    (other->prot & PROT_READ))
			return other;
	}
	return NULL;
}

/* ---- one process ---- */

/*
 * Does one of the objects that the process has loaded have the build-id?  This reads all of them,
 * which takes long, so it is asked only for an object whose ELF header is in no mapping, as a
 * linker script may have it.  1, 0, or -errno if nsb may not look.
 */
static int objects_match(const struct choice *choice, pid_t pid)
{
	struct target target;
	struct objects objects = { 0 };
	int match = 0, err = target_open(&target, pid, TARGET_VIEW);

	if (err == 0)
		err = objects_read(&objects, &target);
	if (err == 0)
		match = objects_find(&objects, NULL, choice->build_id,
				     choice->build_id_size) != NULL;
	else if (permission_is_missing(err))
		match = err;
	objects_deinit(&objects);
	if (target_close(&target) != 0 || err != 0)
		debug("%s", msg_kept());
	msg_forget();
	return match;
}

/*
 * What is the file of a mapping of code?  *known is in `files`, or is *of_memory, if nsb may not open the file: what
 * a process has in its memory says nothing of other processes.  -errno: not even that can be read.
 */
static int identify(struct all_files *files, pid_t pid, const struct maps *maps, const struct mapping *m,
		    struct all_file *of_memory, const struct all_file **known)
{
	const struct mapping *header;
	int err;

	*known = find_file(files, m);
	if (*known != NULL)
		return 0;
	err = read_file(of_memory, pid, m);
	if (err == 0) {
		err = add_file(files, m, *of_memory);
		*known = find_file(files, m);
		return err;
	}
	*known = of_memory;
	header = find_header(maps, m);
	return header != NULL ? read_memory(of_memory, pid, header) : err;
}

/*
 * Whether a mapping of code is of the file with the build-id: 1, 0 or -errno.  What is nowhere
 * executable is data, or a device, and not looked at.
 */
static int code_matches(const struct choice *choice, struct all_files *files, pid_t pid,
			const struct maps *maps, const struct mapping *m)
{
	const struct all_file *file;
	struct all_file of_memory;
	int err = identify(files, pid, maps, m, &of_memory, &file);

	if (err == 0)
		return has_build_id(file, choice);
	if (err != -ENOMEM && find_header(maps, m) == NULL)
		err = objects_match(choice, pid);
	return err >= 0 || permission_is_missing(err) || err == -ENOMEM ? err : 0;
}

/* Has the process loaded an object with the build-id?  1, 0 or -errno. */
static int maps_match(const struct choice *choice, struct all_files *files, pid_t pid,
		      const struct maps *maps)
{
	int match = 0, forbidden = 0;

	for (size_t i = 0; i < maps->count && match == 0; i++) {
		const struct mapping *m = &maps->all[i];

		if (m->inode != 0 && (m->prot & PROT_EXEC))
			match = code_matches(choice, files, pid, maps, m);
		if (permission_is_missing(match)) {
			forbidden = match;
			match = 0;
		}
		if (match == 0)
			match = interrupt_check();
	}
	return match == 0 ? forbidden : match;
}

/* 1, 0, or -errno if nsb may not look. */
static int exe_matches(const char *want, pid_t pid)
{
	static const char deleted[] = " (deleted)";
	char link[40], path[PATH_MAX + 1], *end, *name;
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return permission_is_missing(-errno) ? -errno : 0;
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

bool all_is_still(const struct choice *choice, pid_t pid)
{
	return (choice->exe == NULL || exe_matches(choice->exe, pid) == 1) &&
	       (!choice->by_user || user_matches(choice->uid, pid));
}

int all_matches(const struct choice *choice, struct all_files *files, pid_t pid)
{
	struct maps maps;
	int exe, match;

	if (choice->by_user && !user_matches(choice->uid, pid))
		return 0;
	exe = choice->exe == NULL ? 1 : exe_matches(choice->exe, pid);
	if (exe == 0 || (exe == 1 && choice->build_id_size == 0))
		return exe;
	/* Whose executable nsb may not know may be a kernel thread, which has none. */
	match = maps_read(&maps, pid);
	if (match != 0) {
		debug("%s", msg_kept());
		msg_forget();
		return permission_is_missing(match) ? match : 0;
	}
	match = exe == 1 ? maps_match(choice, files, pid, &maps) : maps.count > 0 ? exe : 0;
	maps_deinit(&maps);
	return match;
}

int all_each_object(struct all_files *files, pid_t pid, void (*each)(void *ctx, const struct all_object *object), void *ctx)
{
	static const char deleted[] = " (deleted)";
	const struct mapping *last = NULL;
	struct maps maps;
	int err = maps_read(&maps, pid), forbidden = 0;

	if (err != 0)
		return err;
	for (size_t i = 0; i < maps.count && err == 0; i++) {
		const struct mapping *m = &maps.all[i];
		size_t length = strlen(m->path), tail = sizeof(deleted) - 1;
		const struct all_file *file;
		struct all_file of_memory;
		struct all_object object = { .inode = m->inode, .path = m->path };

		if (m->inode == 0 || !(m->prot & PROT_EXEC) ||
		    (last != NULL && last->inode == m->inode && last->device == m->device && strcmp(last->path, m->path) == 0))
			continue;
		last = m;
		err = identify(files, pid, &maps, m, &of_memory, &file);
		if (err == 0) {
			object.build_id = file->build_id;
			object.build_id_size = file->build_id_size;
			object.soname = file->soname;
			object.is_deleted = length > tail && strcmp(m->path + length - tail, deleted) == 0;
			if (object.is_deleted)
				m->path[length - tail] = '\0';
			each(ctx, &object);
			if (object.is_deleted)
				m->path[length - tail] = deleted[0];
		} else if (err != -ENOMEM) {
			forbidden = permission_is_missing(err) ? err : forbidden;
			err = 0;
		}
		if (err == 0)
			err = interrupt_check();
	}
	maps_deinit(&maps);
	return err == 0 ? forbidden : err;
}

/* ---- programs that execute themselves ---- */

static bool have_same_exe(pid_t one, pid_t other)
{
	char path[40];
	struct stat st, other_st;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", one);
	if (stat(path, &st) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", other);
	return stat(path, &other_st) == 0 && st.st_dev == other_st.st_dev && st.st_ino == other_st.st_ino;
}

pid_t all_executed_by(pid_t pid)
{
	const pid_t parent = proc_parent(pid);
	uint64_t brk, stack, parent_stack;

	if (parent == 0 || !have_same_exe(pid, parent))
		return 0;
	proc_layout(pid, &brk, &stack);
	proc_layout(parent, &brk, &parent_stack);
	return stack != 0 && parent_stack != 0 && stack != parent_stack ? parent : 0;
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
