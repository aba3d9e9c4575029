/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elffile.h"

/* Is `path` an ELF file with this build-id?  Any error means that it is another file. */
static bool has_build_id(const char *path, const uint8_t *build_id, size_t size)
{
	struct elffile file;

	if (elffile_open(&file, path) != 0) {
		msg_forget();
		return false;
	}
	bool same = file.build_id_size == size && memcmp(file.build_id, build_id, size) == 0;
	elffile_close(&file);
	return same;
}

/* Does the link to a process's program lead to what is mapped by this name? */
static bool is_program(const char *link, const char *name)
{
	char to[PATH_MAX];
	ssize_t length = readlink(link, to, sizeof(to) - 1);

	if (length < 0)
		return false;
	to[length] = '\0';
	return strcmp(to, name) == 0;
}

/*
 * A link in map_files reaches a file that was deleted or lies in another namespace, but needs
 * privileges.  The path inside the process's root needs none, nor does the link to the program.
 */
static bool mapping_matches(const char *pid, unsigned long lo, unsigned long hi, const char *name,
			    const uint8_t *build_id, size_t size)
{
	char *path;
	bool same = false;

	if (asprintf(&path, "/proc/%s/map_files/%lx-%lx", pid, lo, hi) >= 0) {
		same = has_build_id(path, build_id, size);
		free(path);
	}
	if (!same && asprintf(&path, "/proc/%s/root%s", pid, name) >= 0) {
		same = has_build_id(path, build_id, size);
		free(path);
	}
	if (!same && asprintf(&path, "/proc/%s/exe", pid) >= 0) {
		same = is_program(path, name) && has_build_id(path, build_id, size);
		free(path);
	}
	return same;
}

int process_find_file(const char *pid, const uint8_t *build_id, size_t size, char **path)
{
	char *maps_path, *line = NULL, *last = NULL;
	size_t line_size = 0;
	int err = -ENOENT;

	if (asprintf(&maps_path, "/proc/%s/maps", pid) < 0)
		return fail(ENOMEM, "out of memory");
	FILE *maps = fopen(maps_path, "re");
	free(maps_path);
	if (maps == NULL)
		return fail(errno, "%s: cannot read the process's mappings: %s", pid,
			    errno == ENOENT ? "no such process" : strerror(errno));
	while (err == -ENOENT && getline(&line, &line_size, maps) > 0) {
		unsigned long lo, hi;
		int at = 0;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &lo, &hi, &at) != 2 || at == 0 ||
		    line[at] != '/' || (last != NULL && strcmp(last, line + at) == 0))
			continue;
		free(last);
		last = strdup(line + at);
		if (last == NULL)
			err = fail(ENOMEM, "out of memory");
		else if (mapping_matches(pid, lo, hi, last, build_id, size))
			err = 0;
	}
	if (err == 0) {
		*path = last;
		last = NULL;
	}
	free(last);
	free(line);
	fclose(maps);
	return err;
}
