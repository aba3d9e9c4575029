/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "package.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rpmdb.h"

#define LISTS "/var/lib/dpkg/info"

/* Whether a list of files has the path, which has a newline at its end, with or without the /usr of merged folders. */
static bool has_path(const char *list, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file = fopen(list, "re");

	while (file != NULL && !found && getline(&line, &size, file) != -1)
		found = strcmp(line, path) == 0 || (strncmp(path, "/usr", 4) == 0 && strcmp(line, path + 4) == 0);
	free(line);
	if (file != NULL)
		(void)fclose(file);
	return found;
}

/* The version of an installed package, added to its name. */
static void add_version(char package[PACKAGE_MAX])
{
	size_t length = strcspn(package, ":");
	FILE *file = fopen("/var/lib/dpkg/status", "re");
	char *line = NULL;
	size_t size = 0;
	bool is_it = false;

	while (file != NULL && getline(&line, &size, file) != -1) {
		if (strncmp(line, "Package: ", 9) == 0)
			is_it = strncmp(line + 9, package, length) == 0 && line[9 + length] == '\n';
		if (!is_it || strncmp(line, "Version: ", 9) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		length = strlen(package);
		(void)snprintf(package + length, PACKAGE_MAX - length, " %s", line + 9);
		break;
	}
	free(line);
	if (file != NULL)
		(void)fclose(file);
}

static bool search(const char *path, char package[PACKAGE_MAX])
{
	char line[300], list[300];
	const struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(LISTS);

	(void)snprintf(line, sizeof(line), "%s\n", path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length < 6 || strcmp(entry->d_name + length - 5, ".list") != 0)
			continue;
		(void)snprintf(list, sizeof(list), LISTS "/%s", entry->d_name);
		found = has_path(list, line);
		if (found)
			(void)snprintf(package, PACKAGE_MAX, "%.*s", (int)length - 5, entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return found;
}

bool package_of(const char *path, uint64_t inode, char package[PACKAGE_MAX])
{
	static char last_path[256], last[PACKAGE_MAX];
	struct stat st;

	if (stat(path, &st) != 0 || st.st_ino != inode)
		return false;
	if (strcmp(path, last_path) != 0) {
		last[0] = '\0';
		(void)snprintf(last_path, sizeof(last_path), "%s", path);
		if (search(path, last))
			add_version(last);
		else
			(void)rpmdb_search(path, last, sizeof(last));
	}
	(void)snprintf(package, PACKAGE_MAX, "%s", last);
	return last[0] != '\0';
}
