/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debian.h"
#include "spawn.h"
#include "stage.h"
#include "steps.h"
#include "wrapper.h"

/* Folders that compilers are called from: the wrapper stands there under the name of each that PATH has. */
static void make_wrappers(const char *folder)
{
	const char *path = getenv("PATH");
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length < 0 || path == NULL || mkdir(folder, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", folder, path == NULL ? "there is no PATH" : strerror(errno));
	own[length] = '\0';
	char *folders = text("%s", path);
	for (char *each = strtok(folders, ":"); each != NULL; each = strtok(NULL, ":")) {
		DIR *dir = opendir(each);
		struct dirent *entry;

		while (dir != NULL && (entry = readdir(dir)) != NULL)
			if (is_compiler_name(entry->d_name) && symlink(own, text("%s/%s", folder, entry->d_name)) != 0 && errno != EEXIST)
				stop(STAGE_OTHER, "%s/%s: %s", folder, entry->d_name, strerror(errno));
		if (dir != NULL)
			closedir(dir);
	}
	for (const char *const *each = wrapper_steps; *each != NULL; each++)
		if (symlink(own, text("%s/%s", folder, *each)) != 0)
			stop(STAGE_OTHER, "%s/%s: %s", folder, *each, strerror(errno));
}

/*
 * A compiler that is named by its whole path, by itself or as NAME=PATH, is the wrapper instead:
 * CC=/usr/bin/gcc, -DCMAKE_C_COMPILER=/usr/bin/cc.
 */
static const char *lead_to_wrapper(const char *word, const char *wrappers)
{
	const char *equals = strchr(word, '='), *value = equals != NULL ? equals + 1 : word;
	size_t length = strcspn(value, " ");
	char *compiler = text("%.*s", (int)length, value), *wrapper = text("%s/%s", wrappers, base_name(compiler));

	if (*value != '/' || !is_compiler_name(base_name(compiler)) || access(wrapper, X_OK) != 0)
		return word;
	return text("%.*s%s%s", (int)(value - word), word, wrapper, value + length);
}

/* The user's environment, with the wrapper in front of the compilers. */
static void build_environment(const struct both *both, const char *wrappers, const char *records, struct words *environment)
{
	for (char **each = environ; *each != NULL; each++)
		words_add(environment, lead_to_wrapper(*each, wrappers));
	words_set(environment, "PATH", text("%s:%s", wrappers, words_value(environment, "PATH")));
	words_set(environment, WRAPPER_FOLDER, wrappers);
	words_set(environment, WRAPPER_RECORDS, records);
	/* A compilation that a cache or another machine makes is none that is seen. */
	words_set(environment, "CCACHE_DISABLE", "1");
	words_set(environment, "DISTCC_HOSTS", "localhost");
	words_set(environment, "PWD", both->place->path);
	if (!both->place->is_mounted)
		words_set(environment, WRAPPER_PREFIX_MAP, text("%s=%s", both->place->path, both->place->source));
}

/* How many calls of compilers have been recorded. */
static size_t count_records(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		n += strchr(entry->d_name, '.') == NULL;
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* One build that runs. */
struct running {
	const char *records;
	size_t total;	/* how many compilations the old build had; 0: this is the old one */
};

static void tell(void *argument)
{
	const struct running *running = argument;

	step_progress(count_records(running->records), running->total, "compilations");
}

/* Run the command that builds in `tree`.  Its exit status. */
static int run_build(const struct both *both, const struct kept *kept, const char *tree, const char *records,
		     const struct words *command, bool is_again, bool is_debian)
{
	struct words environment = { .n = 0 }, argv = { .n = 0 };
	struct running running = { .records = records, .total = both->old.n };

	if (mkdir(records, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", records, strerror(errno));
	build_environment(both, kept->wrappers, records, &environment);
	if (kept->epoch != NULL)
		words_set(&environment, "SOURCE_DATE_EPOCH", kept->epoch);
	if (is_again)
		words_set(&environment, WRAPPER_AGAIN, "1");
	for (size_t i = 0; i < command->n; i++)
		words_add(&argv, lead_to_wrapper(command->all[i], kept->wrappers));
	place_begin(both->place, tree);
	int status = spawn_watched(&(struct spawn){ .argv = &argv, .environment = &environment, .place = both->place, .tree = tree,
						    .folder = both->place->path, .output = both->log }, tell, &running);
	place_end(both->place, tree);
	if (is_debian)
		debian_tidy(both->place->source);
	return status;
}

/* The same, of which an error ends nsb-build. */
static void build(const struct settings *settings, const struct both *both, const struct kept *kept, const char *tree,
		  const char *records, const char *which, struct compilations *compilations)
{
	size_t from = log_size(both->log);
	int status = run_build(both, kept, tree, records, &settings->command, false, settings->debian != NULL);

	if (status != 0)
		stop(STAGE_BUILD, "the build of the %s source fails with status %d: %s (log: %s)", which, status,
		     first_error(both->log, from), both->log);
	compilations_read(records, compilations);
	if (compilations->n == 0)
		stop(STAGE_BUILD, "the build of the %s source calls no compiler that is in PATH: give a command that builds all of "
		     "it, and configure the tree under nsb-build if it names its compiler by an absolute path (log: %s)",
		     which, both->log);
}

void build_old(const struct settings *settings, struct both *both, struct kept *kept)
{
	if (kept->is_built) {
		step(settings, "taking the old build from the cache");
		compilations_read(kept->records, &both->old);
		return;
	}
	tree_copy(both->place->source, kept->tree, both->work);
	make_wrappers(kept->wrappers);
	step(settings, "building the old source");
	build(settings, both, kept, kept->tree, kept->records, "old", &both->old);
	cache_keep(kept, both->place, &both->old, both->work);
}

/*
 * Where the diffs change what autotools read, and their results came with the source, these are made anew: make may
 * not do it, or too late.  A Debian package does it by itself (dh_autoreconf).
 */
static void run_autotools(const struct settings *settings, const struct both *both)
{
	static const char *const endings[] = { ".ac", ".am", ".m4", NULL };
	struct words changed = { .n = 0 }, added = { .n = 0 }, argv = { .n = 0 };
	const char *input = NULL;
	size_t from = log_size(both->log);

	if (settings->debian != NULL || access(text("%s/configure.ac", both->tree_new), F_OK) != 0 ||
	    access(text("%s/configure", both->tree_new), F_OK) != 0)
		return;
	(void)tree_compare(both->place->source, both->tree_new, both->work, &changed, &added);
	words_append(&changed, &added);
	for (size_t i = 0; i < changed.n; i++) {
		const char *dot = strrchr(changed.all[i], '.');

		for (const char *const *each = endings; dot != NULL && *each != NULL; each++)
			if (strcmp(dot, *each) == 0)
				input = changed.all[i];
	}
	if (input == NULL)
		return;
	step(settings, text("running autoreconf, as the diffs change %s", input));
	words_add_all(&argv, "autoreconf", "-fi", NULL);
	place_begin(both->place, both->tree_new);
	int status = spawn(&(struct spawn){ .argv = &argv, .place = both->place, .tree = both->tree_new, .folder = both->place->path,
					    .output = both->log });
	place_end(both->place, both->tree_new);
	if (status != 0)
		stop(STAGE_BUILD, "autoreconf, which the change of %s needs, fails with status %d: %s (log: %s)", input, status,
		     first_error(both->log, from), both->log);
}

void build_new(const struct settings *settings, struct both *both, const struct kept *kept)
{
	run_autotools(settings, both);
	step(settings, "building the fixed source");
	build(settings, both, kept, both->tree_new, text("%s/records-new", both->work), "fixed", &both->new);
}

/* ---- building again in what was built ---- */

static bool is_read(const struct compilations *compilations, const char *path)
{
	for (size_t i = 0; i < compilations->n; i++)
		if (words_has(&compilations->all[i].reads, path))
			return true;
	return false;
}

/* A file that people read, or tests: it goes into no program that is installed. */
static bool is_document(const char *name)
{
	static const char *const folders[] = { "test/", "tests/", "testsuite/", "t/", "doc/", "docs/", "debian/patches/", NULL };
	static const char *const begins[] = { "ChangeLog", "CHANGES", "Changes", "NEWS", "README", "AUTHORS", "THANKS", NULL };
	const char *dot = strrchr(name, '.');

	for (const char *const *each = begins; *each != NULL; each++)
		if (strncmp(base_name(name), *each, strlen(*each)) == 0)
			return true;
	for (const char *const *each = folders; *each != NULL; each++)
		if (strncmp(name, *each, strlen(*each)) == 0)
			return true;
	return (dot != NULL && (strcmp(dot, ".md") == 0 || strcmp(dot, ".rst") == 0)) || strcmp(name, "debian/changelog") == 0;
}

/* Of one source to one result there may be an old and a new record: the last one counts. */
static void merge(const struct compilations *old, const struct compilations *made, struct compilations *merged)
{
	merged->n = old->n + made->n;
	merged->all = calloc(merged->n, sizeof(*merged->all));
	if (merged->all == NULL)
		stop(STAGE_OTHER, "out of memory");
	memcpy(merged->all, old->all, old->n * sizeof(*old->all));
	memcpy(merged->all + old->n, made->all, made->n * sizeof(*made->all));
	for (size_t i = 0; i < old->n; i++)
		merged->all[i].is_of_old = true;
}

const char *build_again(const struct settings *settings, struct both *both, const struct kept *kept, const char *fixed)
{
	struct words changed = { .n = 0 }, added = { .n = 0 }, command = { .n = 0 };
	struct compilations made;
	char *records = text("%s/records-again", both->work);

	if (!tree_compare(both->place->source, fixed, both->work, &changed, &added))
		return "the diffs remove files";
	for (size_t i = 0; i < added.n; i++)
		if (!is_document(added.all[i]))
			return text("the diffs add %s", added.all[i]);
	for (size_t i = 0; i < changed.n; i++) {
		const char *name = changed.all[i];

		/* A test may be built, too, and then a compiler has read it. */
		if (!is_read(&both->old, text("%s/%s", both->place->path, name))) {
			if (is_document(name))
				continue;
			return text("no compiler has read %s", name);
		}
		if (!same_files(text("%s/%s", both->place->source, name), text("%s/%s", kept->tree, name)))
			return text("the build itself changes %s", name);
	}
	step(settings, "building the fixed source where the old one was built");
	tree_copy_built(kept->tree, both->tree_new);
	for (size_t i = 0; i < changed.n; i++) {
		char *to = text("%s/%s", both->tree_new, changed.all[i]);

		/* The build may have removed what only people read. */
		if (access(to, F_OK) == 0)
			tree_overwrite(text("%s/%s", fixed, changed.all[i]), to);
	}
	if (settings->debian != NULL)
		debian_again(both->tree_new, &command);
	else if (settings->again != NULL)
		words_add_all(&command, "/bin/sh", "-c", settings->again, NULL);
	else
		words_append(&command, &settings->command);
	const char *why = NULL;
	if (run_build(both, kept, both->tree_new, records, &command, true, settings->debian != NULL) != 0) {
		why = "the command fails there";
	} else {
		compilations_read(records, &made);
		if (made.n == 0)
			why = "nothing was compiled";
		else
			merge(&both->old, &made, &both->new);
	}
	if (why != NULL)
		build_forget(both);
	return why;
}

void build_forget(struct both *both)
{
	tree_remove(both->tree_new);
	tree_remove(text("%s/records-again", both->work));
	tree_remove(text("%s/text", both->work));
	both->new = (struct compilations){ .n = 0 };
}
