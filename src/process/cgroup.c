/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether a file begins with one of the words. */
static bool begins_with(const char *path, const char *const *words)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);
	bool found = false;

	if (fd != -1)
		(void)close(fd);
	for (; got > 0 && *words != NULL; words++)
		found = found || strncmp(text, *words, strlen(*words)) == 0;
	return found;
}

/* Whether a list of words with commas in between has this one. */
static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (; list != NULL; list = strchr(list, ',') == NULL ? NULL : strchr(list, ',') + 1) {
		if (strncmp(list, word, size) == 0 && (list[size] == ',' || list[size] == '\0' || list[size] == '\n'))
			return true;
	}
	return false;
}

/*
 * Find where a hierarchy is mounted: cgroup2, or that of v1 with the freezer.  proc(5),
 * mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, source,
 * options of the superblock.
 */
static bool find_mount(bool v2, char *root, char *point, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (file != NULL && !found && getline(&line, &room, file) != -1) {
		char *at = line, *rest = strstr(line, " - "), *words[5], *types[3];

		if (rest == NULL)
			continue;
		rest += 3;
		for (int i = 0; i < 5; i++)
			words[i] = strsep(&at, " ");
		/* Not by sscanf(3), which brings 100 KB of the C library along. */
		for (int i = 0; i < 3; i++)
			types[i] = strsep(&rest, " \n");
		if (words[4] == NULL || types[2] == NULL)
			continue;
		found = v2 ? strcmp(types[0], "cgroup2") == 0 :
			     strcmp(types[0], "cgroup") == 0 && has_word(types[2], "freezer");
		if (found) {
			(void)snprintf(root, size, "%s", words[3]);
			(void)snprintf(point, size, "%s", words[4]);
		}
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return found;
}

/* Whether the group at `path` of a hierarchy is frozen, or one above it. */
static bool is_frozen(bool v2, const char *path, char *group, size_t size)
{
	static const char *const on[] = { "1", NULL }, *const frozen[] = { "FROZEN", "FREEZING", NULL };
	char root[GROUP_BYTES], point[GROUP_BYTES], file[3 * GROUP_BYTES];
	size_t skip;

	if (!find_mount(v2, root, point, sizeof(root)))
		return false;
	/* A container may have mounted a part of the hierarchy only. */
	skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, skip) != 0)
		return false;
	(void)snprintf(group, size, "%s%s", point, path + skip);
	while (strlen(group) > strlen(point)) {
		(void)snprintf(file, sizeof(file), "%s/%s", group, v2 ? "cgroup.freeze" : "freezer.state");
		if (begins_with(file, v2 ? on : frozen))
			return true;
		*strrchr(group, '/') = '\0';
	}
	return false;
}

bool cgroup_is_frozen(pid_t tid, char *group, size_t size)
{
	char name[40], *line = NULL;
	size_t room = 0;
	bool frozen = false;
	FILE *file;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", tid);
	file = fopen(name, "re");
	/* A line is: number:controllers:path. */
	while (file != NULL && !frozen && getline(&line, &room, file) != -1) {
		char *at = line, *number = strsep(&at, ":"), *controllers = strsep(&at, ":");

		if (at == NULL)
			continue;
		at[strcspn(at, "\n")] = '\0';
		if (strcmp(number, "0") == 0 && controllers[0] == '\0')
			frozen = is_frozen(true, at, group, size);
		else if (has_word(controllers, "freezer"))
			frozen = is_frozen(false, at, group, size);
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return frozen;
}
