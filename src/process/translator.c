/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "translator.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "proc.h"

#define LOOKS 40		/* so often a process in which all threads run is looked at, */
#define LOOK_NS 5000000		/* and so long it is left alone in between */
#define PATH_BYTES 512

/* Translators by how the name of their executable, or of an object that they map, begins and ends. */
static const struct {
	const char *begin, *end;
	const char *name;
} known[] = {
	{ "", "-amd64-linux", "valgrind" },	/* memcheck-amd64-linux */
	{ "", "-x86-linux", "valgrind" },
	{ "vgpreload_", "", "valgrind" },
	{ "libdynamorio.so", "", "DynamoRIO" },
	{ "drrun", "", "DynamoRIO" },
	{ "pinbin", "", "Pin" },
	{ "qemu-i386", "", "qemu-user" },
	{ "qemu-x86_64", "", "qemu-user" },
	{ "box64", "", "box64" },
	{ "box86", "", "box86" },
	{ "FEXInterpreter", "", "FEX" },
	{ "FEXLoader", "", "FEX" },
	{ "rosetta", "", "Rosetta" },
};

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash == NULL ? path : slash + 1;
	size_t size = strcspn(file, " ");	/* " (deleted)" may follow */

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t begin = strlen(known[i].begin), end = strlen(known[i].end);

		if (size >= begin + end && memcmp(file, known[i].begin, begin) == 0 &&
		    memcmp(file + size - end, known[i].end, end) == 0)
			return known[i].name;
	}
	return NULL;
}

static const struct object *find_exe(const struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		if (objects->all[i].is_exe)
			return &objects->all[i];
	}
	return NULL;
}

/* Whether the dynamic linker has loaded an object together with the executable, so that both run in the same way. */
static bool is_beside(const struct object *exe, const struct object *object)
{
	return object == exe || (exe != NULL && exe->link_map != 0 && object->link_map != 0);
}

/* The translator that the name of the executable, or of a foreign object, tells; NULL if none does. */
static const char *find_known(const struct objects *objects, const struct target *target,
			      const struct object *object)
{
	const struct object *exe = find_exe(objects);
	char link[40], path[PATH_BYTES];
	const char *name = NULL;
	ssize_t got;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", target->living);
	got = readlink(link, path, sizeof(path) - 1);
	if (got > 0 && (object == NULL || !is_beside(exe, object))) {
		path[got] = '\0';
		name = name_of(path);
	}
	for (size_t i = 0; i < objects->count && name == NULL; i++) {
		if (&objects->all[i] != object && !is_beside(exe, &objects->all[i]))
			name = name_of(objects->all[i].path);
	}
	return name;
}

/* Linkers write DT_DEBUG into programs only, and dynamic linkers fill it in. */
static bool is_program(const struct object *object)
{
	return object->elf.type == ET_EXEC || (object->elf.dyn.flags_1 & DF_1_PIE) != 0 ||
	       object->elf.dyn.debug != 0;
}

/* A program that is mapped beside the executable, and that was not loaded together with it; NULL if there is none. */
static const struct object *find_guest(const struct objects *objects)
{
	const struct object *exe = find_exe(objects);

	for (size_t i = 0; i < objects->count; i++) {
		if (is_program(&objects->all[i]) && !is_beside(exe, &objects->all[i]))
			return &objects->all[i];
	}
	return NULL;
}

static bool is_guest_code(const struct objects *objects, uint64_t address)
{
	const struct object *object = objects_at(objects, address);

	return object != NULL && !object->is_vdso && !is_beside(find_exe(objects), object);
}

/*
 * Whether a thread waits in a system call that code of the guest, or of a library of the guest's,
 * has made.  On i386 that code has called the vDSO, which has pushed three registers.
 */
static bool is_in_guest(const struct objects *objects, const struct target *target, pid_t tid)
{
	const struct object *object;
	uint64_t pc, sp;

	if (proc_thread_pc(target->pid, tid, &pc, &sp) != 0)
		return false;
	object = objects_at(objects, pc);
	return object != NULL && object->is_vdso ?
	       is_guest_code(objects, target_read_word(target, sp + 3 * target->arch->word)) :
	       is_guest_code(objects, pc);
}

static bool runs_guest(const struct objects *objects, const struct target *target)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	char path[40];
	bool found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", target->pid);
	for (int i = 0; i < LOOKS && !found && !interrupt_is_over(); i++) {
		DIR *dir = opendir(path);
		struct dirent *entry;

		while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
			found = atoi(entry->d_name) > 0 &&
				is_in_guest(objects, target, atoi(entry->d_name));
		if (dir != NULL)
			(void)closedir(dir);
		if (!found)
			(void)nanosleep(&pause, NULL);
	}
	return found;
}

/*
 * A program may have loaded another one as exec(2) would, and have jumped to it.  The threads
 * then make their system calls from that one's code, or its libraries'; those of a translator
 * make them from the translator's code, or from memory that is no object.
 */
int translator_refuse(const struct objects *objects, const struct target *target,
		      const struct object *object)
{
	const char *name = find_known(objects, target, object);
	const struct object *guest;

	if (name != NULL)
		return fail(EINVAL, "%s: is run by %s, which executes a translation of its code: a patch would"
			    " have no effect (start it without %s)", target_name(target), name, name);
	guest = object == NULL || object->is_exe ? NULL : find_guest(objects);
	if (guest == NULL || runs_guest(objects, target))
		return 0;
	return fail(EINVAL, "%s: its executable is not %s, which is only mapped, and no thread makes a system call"
		    " from its code: another program seems to execute a translation of it, and a patch would"
		    " have no effect", target_name(target), object_name(guest));
}
