/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "stage.h"

void wanted_add(struct patchable **all, size_t *n, const char *path, const char *name, bool is_named)
{
	struct patchable *wanted;

	if (ARRAY_GROW(all, *n, 1) != 0)
		stop_kept(STAGE_OTHER);
	wanted = &(*all)[*n];
	*wanted = (struct patchable){ .path = text("%s", path), .name = text("%s", name), .is_named = is_named };
	if (elffile_open(&wanted->file, path) != 0) {
		if (is_named)
			stop_kept(STAGE_SOURCE);
		msg_forget();
		return;
	}
	if (wanted->file.build_id_size == 0 && is_named)
		stop(STAGE_SOURCE, "%s has no build-id, which a patch is tied to by (link it with -Wl,--build-id)", path);
	if (wanted->file.build_id_size != 0)
		++*n;
}

void wanted_add_mapped(const char *pid, struct patchable **all, size_t *n)
{
	char *line = NULL, *last = NULL;
	size_t size = 0;
	FILE *maps = fopen(text("/proc/%s/maps", pid), "re");

	if (maps == NULL)
		stop(STAGE_SOURCE, "process %s: %s", pid, errno == ENOENT ? "there is none" : strerror(errno));
	while (getline(&line, &size, maps) > 0) {
		unsigned long lo, hi;
		char access_rights[8];
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %n", &lo, &hi, access_rights, &at) != 3 || at == 0 || line[at] != '/' ||
		    access_rights[2] != 'x' || (last != NULL && strcmp(last, line + at) == 0))
			continue;
		free(last);
		last = text("%s", line + at);
		char *name = text("%s", base_name(last)), *deleted = strstr(name, " (deleted)");
		char *path = text("/proc/%s/map_files/%lx-%lx", pid, lo, hi);
		if (deleted != NULL)
			*deleted = '\0';
		if (access(path, R_OK) != 0)
			path = text("/proc/%s/root%s", pid, last);
		wanted_add(all, n, path, name, false);
		if (*n > 0 && strcmp((*all)[*n - 1].path, path) == 0)
			(*all)[*n - 1].there = text("%s", last);
	}
	free(line);
	fclose(maps);
	if (*n == 0)
		stop(STAGE_SOURCE, "process %s: none of its files can be read (is it another user's?)", pid);
}

void wanted_settle(struct patchable *wanted, const char *work)
{
	struct elffile file;
	size_t size;

	if (wanted->there == NULL)
		return;
	if (elffile_open(&file, wanted->there) == 0) {
		bool same = file.build_id_size == wanted->file.build_id_size &&
			    memcmp(file.build_id, wanted->file.build_id, file.build_id_size) == 0;

		elffile_close(&file);
		if (same) {
			wanted->path = text("%s", wanted->there);
			return;
		}
	}
	msg_forget();
	char *folder = text("%s/mapped", work), *copy = text("%s/%s", folder, wanted->name), *bytes = slurp(wanted->path, &size);
	int fd = -1;
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		fd = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (bytes == NULL || fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0)
		stop(STAGE_OTHER, "%s: cannot copy %s: %s", copy, wanted->path, strerror(errno));
	free(bytes);
	wanted->path = copy;
}
