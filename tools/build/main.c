/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsb-build: from a source diff to a patch that is proven, in one command.
 *
 * The same program is the compiler wrapper of its builds, by the name that it is called by.
 * Exit status: stage.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble.h"
#include "build.h"
#include "built.h"
#include "chroot.h"
#include "cmdline.h"
#include "debian.h"
#include "diff.h"
#include "keeper.h"
#include "rpm.h"
#include "stage.h"
#include "steps.h"
#include "wanted.h"
#include "wrapper.h"

/* ---- all of it ---- */

/* Are these one program, one of them perhaps stripped? */
static bool same_build(const char *a, const char *b)
{
	struct elffile one, other;
	bool same = strcmp(a, b) == 0;

	if (!same && elffile_open(&one, a) == 0) {
		if (elffile_open(&other, b) == 0) {
			same = one.build_id_size != 0 && one.build_id_size == other.build_id_size &&
			       memcmp(one.build_id, other.build_id, one.build_id_size) == 0;
			elffile_close(&other);
		}
		elffile_close(&one);
	}
	msg_forget();
	return same;
}

/* The names of the programs, but for `n` ones, that have some of these units. */
static char *others(const struct both *both, const struct units *units, const struct words *programs, const char *const *but, size_t n)
{
	char *names = text("%s", "");

	for (size_t i = 0; i < programs->n; i++) {
		struct units in = { .n = 0 };
		struct built built;
		bool is_excepted = false;

		for (size_t j = 0; j < n; j++)
			is_excepted |= but[j] != NULL && same_build(programs->all[i], but[j]);
		if (is_excepted)
			continue;
		built_open(&built, programs->all[i], STAGE_OTHER);
		units_in(both, units, &built, &in);
		built_close(&built);
		if (in.n != 0)
			names = text("%s%s%s", names, *names != '\0' ? ", " : "", programs->all[i] + strlen(both->tree_old) + 1);
	}
	return names;
}

static const char *find_old(const struct settings *settings, const struct both *both, const struct words *programs, const struct patchable *target)
{
	char *several = NULL;
	struct words linked = { .n = 0 };

	if (settings->built != NULL) {
		char *path = text("%s/%s", both->tree_old, settings->built);

		if (!words_has(programs, path))
			stop(STAGE_NOT_TARGET, "the build makes no program or library %s", settings->built);
		return path;
	}
	for (size_t i = 0; i < both->old.n; i++) {
		char *output = both->old.all[i].line.what == COMPILING_PROGRAM ? compilation_output(&both->old.all[i]) : NULL;

		if (output != NULL)
			words_add(&linked, place_outside(both->place, both->tree_old, output));
	}
	const char *old = built_find(programs, &linked, &target->file, target->name, &several);
	if (old == NULL && several != NULL)
		stop(STAGE_NOT_TARGET, "the build makes more than one file that may be %s: say by --built which one it is: %s", target->name,
		     several);
	if (old == NULL && target->is_named)
		stop(STAGE_NOT_TARGET, "the build makes no file that is %s, by its build-id or its name: say by --built which one it is",
		     target->name);
	return old;
}

/* What the targets are files of, if the user named none of them. */
static const char *whole_of(const struct settings *settings)
{
	return settings->pid != NULL ? text("process %s", settings->pid) : text("package %s", settings->debian);
}

/* Why the fixed programs, which were linked again, do not have all that was compiled again; NULL: they do. */
static const char *find_stale(const struct both *both, const struct units *units, const char *const *old, size_t n)
{
	const char *why = NULL;

	for (size_t i = 0; i < n && why == NULL; i++) {
		struct units in = { .n = 0 };
		struct built built;

		if (old[i] == NULL)
			continue;
		built_open(&built, old[i], STAGE_OTHER);
		units_in(both, units, &built, &in);
		built_close(&built);
		char *new = fixed_of(both, old[i]);
		if (in.n == 0)
			continue;
		if (access(new, R_OK) != 0 || same_files(old[i], new))
			return text("%s was not linked again", base_name(new));
		built_open(&built, new, STAGE_OTHER);
		for (size_t j = 0; j < in.n && why == NULL; j++) {
			const char *object = in.all[j].new->line.what == COMPILING_OBJECT ? compilation_output(in.all[j].new) : NULL;

			if (object != NULL && built_contains(&built, place_outside(both->place, both->tree_new, object)) == CONTAINS_NOT)
				why = text("%s was linked again without the new %s", base_name(new), in.all[j].shown);
		}
		built_close(&built);
	}
	return why;
}

/* Build the fixed source, and find what is compiled otherwise. */
static void build_fixed(const struct settings *settings, struct both *both, const struct kept *kept, const char *fixed,
			const char *const *old, size_t n_wanted, struct units *units)
{
	const char *why = build_again(settings, both, kept, fixed);

	if (why == NULL) {
		step(settings, "comparing the two");
		const char *stale = units_find(both, units);
		why = stale != NULL ? text("%s was not compiled again", stale) : find_stale(both, units, old, n_wanted);
		if (why == NULL)
			return;
		build_forget(both);
	}
	step(settings, text("the fixed source is built as a whole: %s", why));
	if (rename(fixed, both->tree_new) != 0)
		stop(STAGE_OTHER, "%s: %s", both->tree_new, strerror(errno));
	build_new(settings, both, kept);
	step(settings, "comparing the two");
	units->n = 0;
	units->all = NULL;
	(void)units_find(both, units);
}

static int work(void *argument, const char *folder)
{
	struct settings *settings = argument;
	struct place place;
	struct patchable *wanted = NULL;
	size_t n_wanted = 0, n_made = 0;
	struct words programs = { .n = 0 };
	struct units units = { .n = 0 };
	struct both both = { .place = &place, .work = folder, .log = settings->log, .tree_new = text("%s/new", folder) };
	struct former former = { .path = NULL };
	struct kept kept;
	char *fixed = text("%s/fixed", folder);

	for (size_t i = 0; i < settings->targets.n; i++)
		wanted_add(&wanted, &n_wanted, settings->targets.all[i], base_name(settings->targets.all[i]), true);
	if (settings->pid != NULL)
		wanted_add_mapped(settings->pid, &wanted, &n_wanted);
	if (settings->debian != NULL) {
		struct words files = { .n = 0 };

		step(settings, text("getting the source of %s", settings->debian));
		settings->source = debian_source(settings, folder);
		debian_command(&settings->command);
		if (settings->fixed_version != NULL)
			debian_fix(settings, settings->source, folder, &settings->diffs);
		debian_files(settings->debian, folder, settings->log, &files);
		for (size_t i = 0; i < files.n; i++)
			wanted_add(&wanted, &n_wanted, files.all[i], base_name(files.all[i]), false);
		if (n_wanted == 0)
			stop(STAGE_SOURCE, "%s has no program or library with a build-id (its source makes the packages %s)", settings->debian,
			     debian_packages(settings->source));
	}
	if (settings->former != NULL)
		former_open(&former, settings->former);
	if (settings->rpm != NULL) {
		step(settings, text("preparing the source of %s", base_name(settings->rpm)));
		settings->source = rpm_source(settings, folder, &settings->command);
	}
	place_init(&place, settings->source, folder);

	step(settings, "copying the source, applying the diffs");
	tree_copy(place.source, fixed, folder);
	diffs_apply(&settings->diffs, fixed, folder, settings->log);
	cache_open(&kept, settings, &place, folder);
	both.tree_old = kept.tree;
	if (!place.is_mounted)
		place.path = text("%s/tree", kept.folder);
	build_old(settings, &both, &kept);
	tree_find_programs(both.tree_old, &programs);
	const char **old = calloc(n_wanted + 1, sizeof(*old));
	if (old == NULL)
		stop(STAGE_OTHER, "out of memory");
	bool any = false;
	for (size_t i = 0; i < n_wanted; i++) {
		old[i] = find_old(settings, &both, &programs, &wanted[i]);
		if (old[i] != NULL)
			wanted_settle(&wanted[i], folder);
		any |= old[i] != NULL;
	}
	if (!any)
		stop(STAGE_NOT_TARGET, "%s has no file that the build makes", whole_of(settings));
	build_fixed(settings, &both, &kept, fixed, old, n_wanted, &units);
	if (units.n == 0)
		stop(STAGE_DIFF, "the diffs touch nothing that is compiled: what the compiler sees is the same in all %zu compilations",
		     both.new.n);
	for (size_t i = 0; i < n_wanted; i++) {
		struct units in = { .n = 0 };
		struct built built;

		if (old[i] == NULL)
			continue;
		built_open(&built, old[i], STAGE_OTHER);
		units_in(&both, &units, &built, &in);
		built_close(&built);
		if (in.n == 0 && !wanted[i].is_named)
			continue;
		if (in.n == 0)
			stop(STAGE_SAME, "nothing differs in %s: the changed code is in %s", wanted[i].name,
			     others(&both, &units, &programs, &old[i], 1));
		step(settings, text("making and trying the patch for %s", wanted[i].name));
		assemble_patch(&both, settings, &wanted[i], old[i], &in, &programs, &former);
		n_made++;
	}
	if (n_made == 0)
		stop(STAGE_SAME, "nothing differs in the files of %s: the changed code is in %s", whole_of(settings),
		     others(&both, &units, &programs, NULL, 0));
	char *names = others(&both, &units, &programs, old, n_wanted);
	step_clear();
	if (*names != '\0' && !settings->quiet)
		printf("  not patched: the changed code is also in %s, of this build\n", names);
	return STAGE_DONE;
}

int main(int argc, char **argv)
{
	struct settings settings = { .pid = NULL };
	const char *name = argc > 0 ? base_name(argv[0]) : "nsb-build";

	/* "nsb-build" ends in no compiler's name. */
	if (is_compiler_name(name))
		return wrapper_main(name, argc, argv);
	if (wrapper_is_step(name))
		return wrapper_step(name, argv);
	msg_init("nsb-build");
	settings_read(argc, argv, &settings);
	int fd = open(settings.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		stop(STAGE_OTHER, "%s: cannot write the log: %s", settings.log, strerror(errno));
	close(fd);
	if (settings.chroot != NULL && !chroot_is_in())
		return chroot_run(&settings, argv);
	int status = keeper_run(work, &settings, settings.log, settings.keeps);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		warn("cannot write the output: %s", strerror(errno));
		return STAGE_OTHER;
	}
	return status;
}
