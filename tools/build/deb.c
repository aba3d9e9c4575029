/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "deb.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "arch.h"
#include "spawn.h"
#include "stage.h"
#include "vzpatch.h"

/* What the name of a package may have: Debian policy 5.6.1. */
static char *package_name(const char *name, const char *id)
{
	char *package = text("nsb-patch-%s-%.12s", name, id);

	for (char *c = package; *c != '\0'; c++)
		*c = isalnum((unsigned char)*c) || strchr("+-.", *c) != NULL ? (char)tolower((unsigned char)*c) : '-';
	return package;
}

/* One that is made later is newer. */
static char *version_now(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm;
	char version[32] = "0";

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(version, sizeof(version), "%Y%m%d.%H%M%S", &tm);
	return text("%s", version);
}

static void make_folders(const char *root, const char *path)
{
	for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		char *folder = text("%s%.*s", root, (int)(slash - path), path);

		if (mkdir(folder, 0755) != 0 && errno != EEXIST)
			stop(STAGE_OTHER, "%s: cannot be made: %s", folder, strerror(errno));
	}
}

static void write_control(const char *path, const char *package, const char *version, const struct patchable *target, const char *id)
{
	const char *name = getenv("DEBFULLNAME"), *address = getenv("DEBEMAIL");
	FILE *file = fopen(path, "we");

	if (file == NULL)
		stop(STAGE_OTHER, "%s: cannot be written: %s", path, strerror(errno));
	fprintf(file, "Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s <%s>\nDepends: nsb\nSection: admin\nPriority: optional\n"
		"Description: live patch for %s\n It is for processes that run the build of %s with build-id\n %s.\n"
		" .\n When it is installed, nsb applies it to all of them. When it is removed, processes\n keep it; nsb revert takes it out of them.\n",
		package, version, arch_describe(target->file.elf_class, target->file.machine), name != NULL ? name : "nsb-build",
		address != NULL ? address : "nsb@localhost.localdomain", target->name, target->name, id);
	if (ferror(file) != 0 || fclose(file) != 0)
		stop(STAGE_OTHER, "%s: cannot be written: %s", path, strerror(errno));
}

char *deb_make(const struct settings *settings, const struct patchable *target, const char *patch, const char *work)
{
	char id[2 * BUILD_ID_MAX + 1];
	struct words copy = { .n = 0 }, build = { .n = 0 };

	build_id_format(target->file.build_id, target->file.build_id_size, id);
	char *package = package_name(target->name, id), *version = version_now(), *root = text("%s/%s", work, package);
	char *deb = text("%s/%s_%s_%s.deb", settings->output, package, version,
			 arch_describe(target->file.elf_class, target->file.machine));
	make_folders(root, "/var/lib/nsb/");
	make_folders(root, "/DEBIAN/");
	write_control(text("%s/DEBIAN/control", root), package, version, target, id);
	words_add_all(&copy, "install", "-m", "644", patch, text("%s/var/lib/nsb/%.100s-%s.so", root, target->name, id), NULL);
	if (spawn(&(struct spawn){ .argv = &copy, .output = settings->log }) != 0)
		stop(STAGE_OTHER, "%s: cannot be copied (log: %s)", patch, settings->log);
	words_add_all(&build, "dpkg-deb", "--root-owner-group", "--build", root, deb, NULL);
	if (spawn(&(struct spawn){ .argv = &build, .output = settings->log }) != 0)
		stop(STAGE_OTHER, "%s: dpkg-deb cannot make the package (is dpkg installed? log: %s)", deb, settings->log);
	return deb;
}
