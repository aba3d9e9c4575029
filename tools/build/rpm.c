/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rpm.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "sha256.h"
#include "spawn.h"
#include "stage.h"
#include "units.h"

/* The only folder in `path`, but for rpmbuild's own; or the only file that ends so.  NULL: there is none, or several. */
static char *only_one(const char *path, const char *end)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char *found = NULL;
	size_t n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char *each = text("%s/%s", path, entry->d_name);
		size_t length = strlen(entry->d_name);
		struct stat st;

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "BUILDROOT") == 0 || strcmp(entry->d_name, "SPECPARTS") == 0 ||
		    stat(each, &st) != 0)
			continue;
		if (end == NULL ? !S_ISDIR(st.st_mode) : length < strlen(end) || strcmp(entry->d_name + length - strlen(end), end) != 0)
			continue;
		found = each;
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n == 1 ? found : NULL;
}

/* BUILD/NAME-VERSION; since rpm 4.20 BUILD/NAME-VERSION-build/NAME-VERSION. */
static char *find_tree(const char *top)
{
	char *tree = only_one(text("%s/BUILD", top), NULL);
	size_t length = tree != NULL ? strlen(tree) : 0;

	return length > 6 && strcmp(tree + length - 6, "-build") == 0 ? only_one(tree, NULL) : tree;
}

static void begin_command(const char *top, struct words *command)
{
	/* What is missing of the packages that it wants is told by the build, which may be that of another system. */
	words_add_all(command, "rpmbuild", "--nodeps", "--define", text("_topdir %s", top), NULL);
}

static void prepare(const struct settings *settings, const char *top)
{
	struct words argv = { .n = 0 };
	size_t from = log_size(settings->log);

	begin_command(top, &argv);
	words_add_all(&argv, "-rp", settings->rpm, NULL);
	int status = spawn(&(struct spawn){ .argv = &argv, .output = settings->log });
	if (status == 127)
		stop(STAGE_SOURCE, "cannot run rpmbuild, which --rpm needs: install the package rpm, or rpm-build");
	if (status != 0)
		stop(STAGE_SOURCE, "the source of %s cannot be prepared: %s (log: %s)", settings->rpm, first_error(settings->log, from),
		     settings->log);
}

char *rpm_source(const struct settings *settings, const char *work, struct words *command)
{
	size_t size;
	char *bytes = slurp(settings->rpm, &size), hex[SHA256_HEX];
	bool is_there = false;

	if (bytes == NULL)
		stop(STAGE_SOURCE, "%s: the source is not to be had: %s", settings->rpm, strerror(errno));
	sha256(bytes, size, hex);
	free(bytes);
	char *kept = cache_source(settings, text("%s-%.16s", base_name(settings->rpm), hex), work, &is_there);
	char *top = kept != NULL ? kept : text("%s/rpm", work);
	if (kept == NULL && mkdir(top, 0755) != 0)
		stop(STAGE_OTHER, "%s: %s", top, strerror(errno));
	if (!is_there) {
		prepare(settings, top);
		if (kept != NULL)
			top = cache_keep_source(kept, work);
	}
	char *tree = find_tree(top), *spec = only_one(text("%s/SPECS", top), ".spec");
	if (tree == NULL || spec == NULL)
		stop(STAGE_SOURCE, "%s: its %s (log: %s)", settings->rpm,
		     spec == NULL ? "spec file is not to be found" : "spec makes no folder, or several, of the source", settings->log);
	begin_command(top, command);
	words_add_all(command, "--short-circuit", "-bc", spec, NULL);
	return tree;
}
