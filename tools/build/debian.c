/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "chroot.h"
#include "spawn.h"
#include "stage.h"
#include "tree.h"
#include "units.h"

/* The name of an unpacked source in its folder. */
#define TREE "tree"

/* Run a command in `folder`; what it prints is in *printed.  The exit status. */
static int ask(const struct words *argv, const char *folder, const char *work, const char *log, char **printed)
{
	char *output = text("%s/asked", work);

	(void)unlink(output);
	int status = spawn(&(struct spawn){ .argv = argv, .folder = folder, .output = output, .errors = log });
	*printed = slurp(output, NULL);
	if (*printed == NULL)
		*printed = text("%s", "");
	if (status == 127)
		stop(STAGE_SOURCE, "cannot run %s, which --debian needs: this is no Debian, or dpkg-dev is not installed", argv->all[0]);
	return status;
}

/* The name in front of "=", the version behind it; NULL: none. */
static char *name_of(const char *package, const char **version)
{
	const char *equals = strchr(package, '=');

	*version = equals != NULL ? equals + 1 : NULL;
	return text("%.*s", equals != NULL ? (int)(equals - package) : (int)strlen(package), package);
}

/* "SOURCE VERSION" of the package that is installed; NULL: it is not. */
static char *installed_source(const char *name, const char *work, const char *log, char **version)
{
	struct words argv = { .n = 0 };
	char *printed;

	words_add_all(&argv, "dpkg-query", "-W", "-f", "${db:Status-Status} ${source:Package} ${source:Version} ${Version}\n", name, NULL);
	if (ask(&argv, NULL, work, log, &printed) != 0 || strncmp(printed, "installed ", 10) != 0)
		return NULL;
	printed[strcspn(printed, "\n")] = '\0';
	char *source = strtok(printed + 10, " "), *source_version = strtok(NULL, " ");
	*version = strtok(NULL, " ");
	return source_version != NULL && *version != NULL ? text("%s=%s", source, source_version) : NULL;
}

static char *only_match(const char *pattern)
{
	glob_t found;
	char *path = NULL;

	if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1)
		path = text("%s", found.gl_pathv[0]);
	globfree(&found);
	return path;
}

/* Get the source package SOURCE=VERSION of just this version to `folder`, and unpack it as `to`. */
static void fetch(const char *source, const char *to, const char *folder, const char *work, const char *log)
{
	char *printed;
	struct words argv = { .n = 0 };
	size_t from = log_size(log);

	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	words_add_all(&argv, "apt-get", "-q", "source", "--download-only", source, NULL);
	if (ask(&argv, folder, work, log, &printed) != 0) {
		char *error = first_error(log, from);

		/* Else apt knows where it is, and cannot get it. */
		stop(STAGE_SOURCE, "the source of %s is not to be had: %s (%slog: %s)", source, error,
		     strstr(error, "Failed to fetch") != NULL ? "" : "apt needs lines deb-src, and apt-get update; of an old version "
		     "snapshot.debian.org has it; ", log);
	}
	char *description = only_match(text("%s/*.dsc", folder));
	/* Another version is never taken: apt may know no better one. */
	const char *version = strchr(source, '=') + 1, *colon = strchr(version, ':');
	if (description == NULL || strstr(description, text("_%s.dsc", colon != NULL ? colon + 1 : version)) == NULL)
		stop(STAGE_SOURCE, "the source of %s is not to be had: apt has another version (log: %s)", source, log);
	from = log_size(log);
	argv.n = 0;
	words_add_all(&argv, "dpkg-source", "--no-check", "-x", description, to, NULL);
	if (spawn(&(struct spawn){ .argv = &argv, .folder = folder, .output = log }) != 0)
		stop(STAGE_SOURCE, "the source of %s cannot be unpacked: %s (log: %s)", source, first_error(log, from), log);
}

/* What dpkg-buildpackage has put beside a source. */
static void clear_beside(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, TREE) != 0)
			tree_remove(text("%s/%s", folder, entry->d_name));
	if (dir != NULL)
		closedir(dir);
}

/*
 * "SOURCE=VERSION" of a package that is not installed: apt knows it.  The source may have another name, and another
 * version, as after a rebuild (1.0-1+b1).  Of a version that apt does not know it is taken to be the package's own.
 */
static char *known_source(const char *name, const char *version, const char *work, const char *log)
{
	struct words argv = { .n = 0 };
	char *printed, *source = NULL;

	words_add_all(&argv, "apt-cache", "show", text("%s=%s", name, version), NULL);
	(void)ask(&argv, NULL, work, log, &printed);
	for (char *line = strtok(printed, "\n"); line != NULL && source == NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, "Source: ", 8) == 0)
			source = line + 8;
	if (source == NULL)
		return text("%s=%s", name, version);
	/* "Source: NAME" or "Source: NAME (VERSION)" */
	char *bracket = strstr(source, " (");
	if (bracket == NULL)
		return text("%s=%s", source, version);
	return text("%.*s=%.*s", (int)(bracket - source), source, (int)strcspn(bracket + 2, ")"), bracket + 2);
}

/* SOURCE=VERSION of the package that the user wants. */
static char *source_of(const struct settings *settings, const char *work)
{
	const char *package = settings->debian, *wanted;
	char *name = name_of(package, &wanted), *version = NULL;
	char *source = installed_source(name, work, settings->log, &version);

	if (source == NULL && wanted == NULL)
		stop(STAGE_SOURCE, "%s is not installed here: say its version, %s=VERSION", name, name);
	if (source == NULL || (wanted != NULL && strcmp(wanted, version) != 0))
		return known_source(name, wanted, work, settings->log);
	return source;
}

/* The folder of this source: of the cache, or in `work`. */
static char *unpacked(const struct settings *settings, const char *source, const char *work)
{
	char *plain = text("%s", source);
	bool is_there = false;

	/* Compilers are told OLD=NEW about paths, and a Makefile cannot have ":" in one.  Neither name nor version has a "_". */
	for (char *at = plain; *at != '\0'; at++)
		if (*at == '=' || *at == ':')
			*at = '_';
	/* A build writes beside its source: so the source has a folder around it. */
	char *kept = strchr(plain, '/') == NULL ? cache_source(settings, plain, work, &is_there) : NULL;
	char *folder = kept != NULL ? kept : text("%s/source-%s", work, plain);
	if (kept == NULL && mkdir(folder, 0755) != 0)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	if (!is_there) {
		fetch(source, text("%s/" TREE, folder), text("%s/fetched-%s", work, plain), work, settings->log);
		if (kept != NULL)
			folder = cache_keep_source(kept, work);
	}
	clear_beside(folder);
	return text("%s/" TREE, folder);
}

/* A command of apt's in the chroot, which nsb-build may change. */
static void change_chroot(const struct settings *settings, const char *what, const char *argument)
{
	struct words argv = { .n = 0 };
	size_t from = log_size(settings->log);

	if (setenv("DEBIAN_FRONTEND", "noninteractive", 1) != 0)
		stop(STAGE_OTHER, "out of memory");
	words_add_all(&argv, "apt-get", "-q", "-y", "--no-install-recommends", what, argument, NULL);
	if (spawn(&(struct spawn){ .argv = &argv, .output = settings->log }) != 0)
		stop(STAGE_SOURCE, "%s: apt-get %s fails: %s (log: %s)", settings->chroot, what, first_error(settings->log, from), settings->log);
}

char *debian_source(const struct settings *settings, const char *work)
{
	if (settings->chroot != NULL && chroot_is_new())
		change_chroot(settings, "update", NULL);
	char *tree = unpacked(settings, source_of(settings, work), work);
	if (settings->chroot != NULL)
		change_chroot(settings, "build-dep", tree);
	return tree;
}

/* The names in debian/patches/series. */
static void read_series(const char *tree, struct words *names)
{
	char *series = slurp(text("%s/debian/patches/series", tree), NULL);

	for (char *line = series != NULL ? strtok(series, "\n") : NULL; line != NULL; line = strtok(NULL, "\n")) {
		line += strspn(line, " \t");
		line[strcspn(line, " \t\r#")] = '\0';
		if (*line != '\0')
			words_add(names, line);
	}
}

/* Does the user want this patch?  Its name or its text has one of the words: CVE-2023-49606, for example. */
static bool is_chosen(const struct words *wanted, const char *name, const char *path, bool *used)
{
	char *bytes = slurp(path, NULL);
	bool is = wanted->n == 0;

	for (size_t i = 0; i < wanted->n; i++)
		if (strstr(name, wanted->all[i]) != NULL || (bytes != NULL && strstr(bytes, wanted->all[i]) != NULL))
			is = used[i] = true;
	free(bytes);
	return is;
}

void debian_fix(const struct settings *settings, const char *old, const char *work, struct words *diffs)
{
	char *own = source_of(settings, work), *source;
	struct words before = { .n = 0 }, after = { .n = 0 };
	bool *used = calloc(settings->names.n + 1, sizeof(*used));

	if (used == NULL)
		stop(STAGE_OTHER, "out of memory");
	source = text("%.*s=%s", (int)(strchr(own, '=') - own), own, settings->fixed_version);
	if (strcmp(own, source) == 0)
		stop(STAGE_DIFF, "%s is the version that is to be patched: --fixed-version wants the one that has the fix", source);
	char *tree = unpacked(settings, source, work);
	read_series(old, &before);
	read_series(tree, &after);
	for (size_t i = 0; i < after.n; i++) {
		char *path = text("%s/debian/patches/%s", tree, after.all[i]);

		/* A patch of the same name may have another text now. */
		if (words_has(&before, after.all[i]) && same_files(path, text("%s/debian/patches/%s", old, after.all[i])))
			continue;
		if (is_chosen(&settings->names, after.all[i], path, used))
			words_add(diffs, path);
	}
	for (size_t i = 0; i < settings->names.n; i++)
		if (!used[i])
			stop(STAGE_DIFF, "%s adds no patch with %s in its name or its text", source, settings->names.all[i]);
	if (diffs->n == 0)
		stop(STAGE_DIFF, "%s adds no patch to debian/patches: give the diff itself (debdiff tells it)", source);
	free(used);
}

char *debian_packages(const char *source)
{
	char *control = slurp(text("%s/debian/control", source), NULL), *names = text("%s", "");

	for (char *line = control != NULL ? strtok(control, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, "Package: ", 9) == 0)
			names = text("%s%s%s", names, *names != '\0' ? ", " : "", line + 9);
	return names;
}

void debian_tidy(const char *source)
{
	clear_beside(text("%.*s", (int)(strrchr(source, '/') - source), source));
}

void debian_command(struct words *command)
{
	const char *own = getenv("DEB_BUILD_OPTIONS");
	char *options = text("nocheck noautodbgsym parallel=%ld%s%s", sysconf(_SC_NPROCESSORS_ONLN), own != NULL ? " " : "",
			     own != NULL ? own : "");

	if (setenv("DEB_BUILD_OPTIONS", options, 1) != 0)
		stop(STAGE_OTHER, "out of memory");
	words_add_all(command, "dpkg-buildpackage", "-b", "-uc", "-us", NULL);
}

void debian_again(const char *tree, struct words *command)
{
	/* debhelper notes here that it has built. */
	(void)unlink(text("%s/debian/debhelper-build-stamp", tree));
	words_add_all(command, "dpkg-buildpackage", "-d", "-uc", "-us", "-T", "build", NULL);
}

void debian_files(const char *package, const char *work, const char *log, struct words *files)
{
	const char *wanted;
	char *name = name_of(package, &wanted), *version = NULL, *printed;
	char *source = installed_source(name, work, log, &version), *folder = text("%s/binary", work);
	struct words argv = { .n = 0 };

	if (source != NULL && (wanted == NULL || strcmp(wanted, version) == 0)) {
		struct stat st;

		words_add_all(&argv, "dpkg", "-L", name, NULL);
		if (ask(&argv, NULL, work, log, &printed) != 0)
			stop(STAGE_SOURCE, "%s: dpkg does not tell its files (log: %s)", name, log);
		for (char *line = strtok(printed, "\n"); line != NULL; line = strtok(NULL, "\n"))
			if (lstat(line, &st) == 0 && S_ISREG(st.st_mode))
				words_add(files, line);
		return;
	}
	if (mkdir(folder, 0755) != 0)
		stop(STAGE_OTHER, "%s: %s", folder, strerror(errno));
	size_t from = log_size(log);
	words_add_all(&argv, "apt-get", "-q", "download", package, NULL);
	if (ask(&argv, folder, work, log, &printed) != 0)
		stop(STAGE_SOURCE, "the package %s is not to be had: %s (log: %s)", package, first_error(log, from), log);
	char *archive = only_match(text("%s/*.deb", folder));
	argv.n = 0;
	words_add_all(&argv, "dpkg", "-x", archive != NULL ? archive : "", text("%s/root", folder), NULL);
	if (archive == NULL || spawn(&(struct spawn){ .argv = &argv, .output = log }) != 0)
		stop(STAGE_SOURCE, "the package %s cannot be unpacked (log: %s)", package, log);
	tree_find_programs(text("%s/root", folder), files);
}
