/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsb-build: from a source diff to a patch that is proven, in one command.
 *
 * The same program is the compiler wrapper of its builds, by the name that it is called by.
 * Exit status: stage.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "built.h"
#include "cmdline.h"
#include "compilation.h"
#include "debian.h"
#include "diff.h"
#include "keeper.h"
#include "spawn.h"
#include "stage.h"
#include "tree.h"
#include "trial.h"
#include "units.h"
#include "wrapper.h"

struct settings {
	struct words targets;		/* --target */
	const char *pid;		/* NULL: none */
	const char *debian;		/* PACKAGE[=VERSION]; NULL: none */
	const char *source, *output, *built, *test;
	struct words diffs, command;	/* absolute names; the command that builds */
	bool quiet, keeps, no_trial;
	char *log, *gen, *nsb;
};

/* A file to be patched. */
struct patchable {
	char *path;		/* a copy of it, or where it is */
	char *name;		/* what it is called */
	const char *there;	/* a file of a process: its name there; NULL: the user named the file */
	bool is_named;
	struct elffile file;
};

static void say_step(const struct settings *settings, const char *what)
{
	FILE *log = fopen(settings->log, "ae");

	if (!settings->quiet && (isatty(STDERR_FILENO) || msg_verbosity > 0))
		warn("%s", what);
	if (log != NULL) {
		(void)fprintf(log, "nsb-build: %s\n", what);
		(void)fclose(log);
	}
}

/* ---- what is to be patched ---- */

static void add_wanted(struct patchable **all, size_t *n, const char *path, const char *name, bool is_named)
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

/* The executable files that the process has mapped.  They may be gone from the disk, or another root's. */
static void find_mapped(const char *pid, struct patchable **all, size_t *n)
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
		add_wanted(all, n, path, name, false);
		if (*n > 0 && strcmp((*all)[*n - 1].path, path) == 0)
			(*all)[*n - 1].there = text("%s", last);
	}
	free(line);
	fclose(maps);
	if (*n == 0)
		stop(STAGE_SOURCE, "process %s: none of its files can be read (is it another user's?)", pid);
}

/*
 * A file of a process under a name of its own: the one that it has, if that file is still the same,
 * else a copy.
 */
static void settle(struct patchable *wanted, const char *work)
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

/* ---- building ---- */

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

static void build(const struct settings *settings, const struct both *both, bool is_new, const char *epoch,
		  struct compilations *compilations)
{
	char *wrappers = text("%s/bin", both->work), *records = text("%s/records-%s", both->work, is_new ? "new" : "old");
	const char *tree = is_new ? both->tree_new : both->tree_old;
	struct words environment = { .n = 0 }, argv = { .n = 0 };
	size_t from = log_size(both->log);

	if (mkdir(records, 0700) != 0)
		stop(STAGE_OTHER, "%s: %s", records, strerror(errno));
	build_environment(both, wrappers, records, &environment);
	if (epoch != NULL && words_value(&environment, "SOURCE_DATE_EPOCH") == NULL)
		words_set(&environment, "SOURCE_DATE_EPOCH", epoch);
	for (size_t i = 0; i < settings->command.n; i++)
		words_add(&argv, lead_to_wrapper(settings->command.all[i], wrappers));
	place_begin(both->place, tree);
	int status = spawn(&(struct spawn){ .argv = &argv, .environment = &environment, .place = both->place, .tree = tree,
					    .folder = both->place->path, .output = both->log });
	place_end(both->place, tree);
	if (status != 0)
		stop(STAGE_BUILD, "the build of the %s source fails with status %d: %s (log: %s)", is_new ? "fixed" : "old", status,
		     first_error(both->log, from), both->log);
	compilations_read(records, compilations);
	if (compilations->n == 0)
		stop(STAGE_BUILD, "the build of the %s source calls no compiler that is in PATH: give a command that builds all of "
		     "it, and configure the tree under nsb-build if it names its compiler by an absolute path (log: %s)",
		     is_new ? "fixed" : "old", both->log);
}

/* ---- one patch ---- */

/* Run nsb-gen; its words go to `told` and `said`.  The exit status. */
static int call_gen(const struct words *argv, const char *told, const char *said)
{
	(void)unlink(told);
	(void)unlink(said);
	return spawn(&(struct spawn){ .argv = argv, .output = told, .errors = said });
}

/* Replace each `from` in a text. */
static char *replaced(const char *in, const char *from, const char *by)
{
	char *out = text("%s", "");
	const char *at;

	for (; (at = strstr(in, from)) != NULL; in = at + strlen(from))
		out = text("%s%.*s%s", out, (int)(at - in), in, by);
	return text("%s%s", out, in);
}

/* Names of files that will soon be gone, as the user knows them. */
static char *readable(const struct both *both, const char *line)
{
	char *out = replaced(line, text("%s/", both->tree_old), "the old build's ");

	out = replaced(out, text("%s/", both->tree_new), "the fixed build's ");
	out = replaced(out, text("%s/objects-new/", both->work), "");
	return replaced(replaced(out, text("%s/objects-old/", both->work), "the old "), text("%s/", both->work), "");
}

/* The last line of a file, without the name of the program that said it. */
static char *last_line(const struct both *both, const char *path)
{
	char *bytes = slurp(path, NULL), *last = NULL;

	if (bytes != NULL)
		for (char *line = strtok(bytes, "\n"); line != NULL; line = strtok(NULL, "\n"))
			last = line;
	if (last == NULL)
		return text("it says nothing");
	return readable(both, strncmp(last, "nsb-gen: ", 9) == 0 ? last + 9 : last);
}

/* The link that made this program; NULL: it is not known. */
static const struct compilation *find_link(const struct both *both, const char *path)
{
	for (size_t i = both->old.n; i-- > 0;) {
		const struct compilation *each = &both->old.all[i];
		char *output = each->line.what == COMPILING_PROGRAM ? compilation_output(each) : NULL;
		char *real = output != NULL ? realpath(place_outside(both->place, both->tree_old, output), NULL) : NULL;

		if (real != NULL && strcmp(real, path) == 0)
			return each;
	}
	return NULL;
}

/* Link the new patch objects to a shared object. */
static void link_patch(const struct both *both, const struct settings *settings, const struct units *units,
		       const struct compilation *link, const struct words *options, const char *patch)
{
	char *externs = text("%s.externs.s", patch), *said = text("%s.said", patch);
	struct words argv = { .n = 0 };
	size_t from = log_size(both->log);

	words_add_all(&argv, settings->gen, "externs", NULL);
	for (size_t i = 0; i < units->n; i++)
		words_add(&argv, units->all[i].object_new);
	if (call_gen(&argv, externs, said) != 0)
		stop(STAGE_REFUSED, "%s", last_line(both, said));
	for (int try = 0; try < 2; try++) {
		const char *script = cmdline_version_script(&link->arguments);

		argv.n = 0;
		words_add_all(&argv, link->compiler, "-shared", "-Wl,--build-id=sha1", "-o", patch, NULL);
		words_append(&argv, options);
		/* Symbols with versions need the script that defines these. */
		if (try == 1)
			words_add(&argv, text("-Wl,--version-script=%s", compilation_path(link, script)));
		for (size_t i = 0; i < units->n; i++)
			words_add(&argv, units->all[i].object_new);
		words_add(&argv, externs);
		if (spawn(&(struct spawn){ .argv = &argv, .environment = &link->environment, .place = both->place,
					   .tree = both->tree_new, .output = both->log }) == 0)
			return;
		if (script == NULL)
			break;
	}
	stop(STAGE_BUILD, "the patch objects cannot be linked: %s (log: %s)", first_error(both->log, from), both->log);
}

/*
 * What differs between the two programs is in more files than the fix changes if the linker
 * optimised: these are compiled for the patch, too.
 */
static void add_differing(const struct both *both, const struct settings *settings, const struct patchable *target, const char *old,
			  const char *new, struct units *units)
{
	char *said = text("%s/compare.said", both->work), *told = text("%s/compare.told", both->work);
	struct words argv = { .n = 0 };

	words_add_all(&argv, settings->gen, "compare", old, new, NULL);
	int status = call_gen(&argv, told, said);
	if (status == 3)
		stop(STAGE_SAME, "%s: nothing differs in its code, so it needs no patch", target->name);
	if (status != 0)
		stop(STAGE_REFUSED, "%s: %s", target->name, last_line(both, said));
	char *lines = slurp(told, NULL);
	for (char *line = lines != NULL ? strtok(lines, "\n") : NULL; line != NULL; line = strtok(NULL, "\n")) {
		/* "differs: function limit (limits.c), at +0x9: ..." */
		char *from = strstr(line, " ("), *to = from != NULL ? strchr(from, ')') : NULL;

		if (strncmp(line, "differs: function ", 18) == 0 && to != NULL)
			units_add_source(both, units, text("%.*s", (int)(to - from - 2), from + 2));
	}
	units_compile(both, units);
}

static void generate(const struct both *both, const struct settings *settings, const struct units *units, const struct patchable *target,
		     const char *old, const char *new, const char *patch, char **told)
{
	struct words argv = { .n = 0 };
	char *out = text("%s.told", patch), *said = text("%s.said", patch);

	words_add_all(&argv, settings->gen, "generate", "--mode", "auto", "--as-built", old, "--fixed", new, target->path, patch, NULL);
	for (size_t i = 0; i < units->n; i++)
		words_add(&argv, units->all[i].object_new);
	words_add(&argv, "--original");
	for (size_t i = 0; i < units->n; i++)
		if (units->all[i].object_old != NULL)
			words_add(&argv, units->all[i].object_old);
	if (strcmp(argv.all[argv.n - 1], "--original") == 0)
		argv.all[--argv.n] = NULL;
	int status = call_gen(&argv, out, said);
	char *notes = slurp(said, NULL);
	*told = slurp(out, NULL);
	FILE *log = fopen(both->log, "ae");
	if (log != NULL) {
		(void)fprintf(log, "%s%s", *told != NULL ? *told : "", notes != NULL ? notes : "");
		(void)fclose(log);
	}
	switch (status) {
	case 0:
		break;
	case 3:
		stop(STAGE_SAME, "%s: nothing differs in its code, so it needs no patch", target->name);
	case 4:
		stop(STAGE_NOT_TARGET, "%s (take the source, the compiler and the flags that the target was built with; of the "
		     "source that was built: %s)", last_line(both, said), both->place->source);
	default:
		stop(STAGE_REFUSED, "%s: no patch can be made: %s", target->name, last_line(both, said));
	}
	/* What nsb-gen wants the author to know. */
	for (char *line = notes != NULL && !settings->quiet ? strtok(notes, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		warn("%s", readable(both, strncmp(line, "nsb-gen: ", 9) == 0 ? line + 9 : line));
}

/* "NAME" is replaced for "WHY", of nsb-gen's lines "FILE:LINE: changed: NAME: WHY". */
static void print_table(const char *told)
{
	char *lines = text("%s", told);

	for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		static const char *const kinds[] = { ": changed: ", ": replaced: ", ": new: ", NULL };
		static const char *const words[] = { "replaced", "replaced", "new" };

		for (size_t i = 0; kinds[i] != NULL; i++) {
			char *at = strstr(line, kinds[i]);

			if (at == NULL)
				continue;
			char *name = at + strlen(kinds[i]), *why = strstr(name, ": ");
			*at = '\0';
			if (why != NULL)
				*why = '\0';
			printf("  %-9s %-28s %-24s %s\n", words[i], name, line, why != NULL ? why + 2 : "");
			break;
		}
	}
}

/* Folders with the libraries of the build, for a target that is not installed. */
static char *library_path(const struct words *programs)
{
	const char *own = getenv("LD_LIBRARY_PATH");
	char *path = text("%s", own != NULL ? own : "");

	for (size_t i = 0; i < programs->n; i++) {
		char *folder = text("%.*s", (int)(strrchr(programs->all[i], '/') - programs->all[i]), programs->all[i]);

		if (strstr(programs->all[i], ".so") != NULL && strstr(path, folder) == NULL)
			path = text("%s%s%s", path, *path != '\0' ? ":" : "", folder);
	}
	return path;
}

static void try_patch(const struct both *both, const struct settings *settings, const struct patchable *target,
		      const struct compilation *link, const struct words *options, const char *patch, const char *libraries)
{
	pid_t pid = trial_start(&target->file, target->path, link->compiler, options, libraries, both->work, both->log);

	if (pid == 0)
		stop(STAGE_TRIAL, "%s: the patch was made and could not be tried: %s", target->name, msg_kept());
	if (trial_patch(pid, settings->nsb, patch, both->work) != 0)
		stop(STAGE_TRIAL, "%s: the patch was made and does not work in a process: %s", target->name, msg_kept());
	trial_end(pid);
}

/* The author's own test, with each program that it starts patched. */
static void test_patch(const struct both *both, const struct settings *settings, const char *patch)
{
	struct words argv = { .n = 0 };
	size_t from = log_size(both->log);

	words_add_all(&argv, settings->nsb, "run", "--insecure-file", "--follow", "-f", patch, "--", "/bin/sh", "-c", settings->test, NULL);
	int status = spawn(&(struct spawn){ .argv = &argv, .output = both->log });
	if (status != 0)
		stop(STAGE_TRIAL, "the test fails with status %d with the patch: %s (log: %s)", status, first_error(both->log, from), both->log);
}

static void copy_out(const char *from, const char *to)
{
	size_t size;
	char *bytes = slurp(from, &size), *new = text("%s.new", to);
	int fd = bytes != NULL ? open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0 || rename(new, to) != 0) {
		int err = errno;

		(void)unlink(new);
		stop(STAGE_OTHER, "%s: cannot write the patch: %s", to, strerror(err));
	}
}

/* Make the patch for one target.  `units` are those that are in it. */
static void make_patch(const struct both *both, const struct settings *settings, struct patchable *target, const char *old,
		       struct units *units, const struct words *programs)
{
	char id[2 * BUILD_ID_MAX + 1], *told = NULL;
	char *new = text("%s%s", both->tree_new, old + strlen(both->tree_old));
	struct words options = { .n = 0 };

	build_id_format(target->file.build_id, target->file.build_id_size, id);
	char *name = text("%s-%.12s.nsb.so", target->name, id), *made = text("%s/%s", both->work, name);
	char *out = text("%s/%s", settings->output, name);
	const struct compilation *link = find_link(both, old);
	if (link == NULL)
		link = units->all[0].new;
	cmdline_link_options(&link->arguments, &options);
	if (access(new, R_OK) != 0)
		stop(STAGE_BUILD, "the build of the fixed source makes no %s", old + strlen(both->tree_old) + 1);
	add_differing(both, settings, target, old, new, units);
	link_patch(both, settings, units, link, &options, made);
	generate(both, settings, units, target, old, new, made, &told);
	if (!settings->no_trial)
		try_patch(both, settings, target, link, &options, made, library_path(programs));
	if (settings->test != NULL)
		test_patch(both, settings, made);
	copy_out(made, out);
	if (settings->quiet)
		return;
	printf("%s\n", out);
	print_table(told != NULL ? told : "");
	printf("  proven: the old build is %s; all that differs in the fixed build is replaced%s%s\n", target->name,
	       settings->no_trial ? "" : "; applied to a process and reverted", settings->test != NULL ? "; the test passes with it" : "");
	if (settings->pid != NULL)
		printf("  nsb patch -p %s -f %s\n", settings->pid, out);
	else
		printf("  nsb patch --all -f %s\n", out);
}

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

	if (settings->built != NULL) {
		char *path = text("%s/%s", both->tree_old, settings->built);

		if (!words_has(programs, path))
			stop(STAGE_NOT_TARGET, "the build makes no program or library %s", settings->built);
		return path;
	}
	const char *old = built_find(programs, &target->file, target->name, &several);
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

static char *find_tool(const char *name)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length > 0) {
		own[length] = '\0';
		char *slash = strrchr(own, '/'), *path = text("%.*s/%s", (int)(slash - own), own, name);

		if (access(path, X_OK) == 0)
			return path;
	}
	return text("%s", name);
}

static int work(void *argument, const char *folder)
{
	struct settings *settings = argument;
	struct place place;
	struct patchable *wanted = NULL;
	size_t n_wanted = 0, n_made = 0;
	struct words programs = { .n = 0 };
	struct units units = { .n = 0 };
	struct both both = { .place = &place, .work = folder, .log = settings->log, .tree_old = text("%s/old", folder),
			     .tree_new = text("%s/new", folder) };

	for (size_t i = 0; i < settings->targets.n; i++)
		add_wanted(&wanted, &n_wanted, settings->targets.all[i], base_name(settings->targets.all[i]), true);
	if (settings->pid != NULL)
		find_mapped(settings->pid, &wanted, &n_wanted);
	if (settings->debian != NULL) {
		struct words files = { .n = 0 };

		say_step(settings, text("getting the source of %s", settings->debian));
		settings->source = debian_source(settings->debian, folder, settings->log);
		debian_command(&settings->command);
		debian_files(settings->debian, folder, settings->log, &files);
		for (size_t i = 0; i < files.n; i++)
			add_wanted(&wanted, &n_wanted, files.all[i], base_name(files.all[i]), false);
		if (n_wanted == 0)
			stop(STAGE_SOURCE, "%s has no program or library with a build-id", settings->debian);
	}
	place_init(&place, settings->source, folder);

	say_step(settings, "copying the source, applying the diffs");
	tree_copy(place.source, both.tree_new, folder);
	diffs_apply(&settings->diffs, both.tree_new, folder, settings->log);
	tree_copy(place.source, both.tree_old, folder);
	make_wrappers(text("%s/bin", folder));
	/* A Debian package takes the time of its changelog. */
	char *epoch = access(text("%s/debian/changelog", place.source), F_OK) == 0 ? NULL : text("%lld", (long long)time(NULL));
	say_step(settings, "building the old source");
	build(settings, &both, false, epoch, &both.old);
	tree_find_programs(both.tree_old, &programs);
	const char **old = calloc(n_wanted + 1, sizeof(*old));
	if (old == NULL)
		stop(STAGE_OTHER, "out of memory");
	bool any = false;
	for (size_t i = 0; i < n_wanted; i++) {
		old[i] = find_old(settings, &both, &programs, &wanted[i]);
		if (old[i] != NULL)
			settle(&wanted[i], folder);
		any |= old[i] != NULL;
	}
	if (!any)
		stop(STAGE_NOT_TARGET, "%s has no file that the build makes", whole_of(settings));
	say_step(settings, "building the fixed source");
	build(settings, &both, true, epoch, &both.new);
	say_step(settings, "comparing the two, compiling what differs");
	units_find(&both, &units);
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
		say_step(settings, text("making and trying the patch for %s", wanted[i].name));
		make_patch(&both, settings, &wanted[i], old[i], &in, &programs);
		n_made++;
	}
	if (n_made == 0)
		stop(STAGE_SAME, "nothing differs in the files of %s: the changed code is in %s", whole_of(settings),
		     others(&both, &units, &programs, NULL, 0));
	char *names = others(&both, &units, &programs, old, n_wanted);
	if (*names != '\0' && !settings->quiet)
		printf("  not patched: the changed code is also in %s, of this build\n", names);
	return STAGE_DONE;
}

/* ---- the command line ---- */

static void help(void)
{
	puts("nsb-build makes live patches for nsb out of a source diff and the command that builds the program.\n"
	     "\n"
	     "usage: nsb-build --target FILE --source DIR [OPTION...] DIFF... -- COMMAND...\n"
	     "       nsb-build --pid PID --source DIR [OPTION...] DIFF... -- COMMAND...\n"
	     "       nsb-build --debian PACKAGE[=VERSION] [OPTION...] DIFF...\n"
	     "\n"
	     "  -t, --target FILE     the program or library as it is installed; may be given several times\n"
	     "  -p, --pid PID         a process that runs it: all of its files that have the changed code\n"
	     "      --debian PACKAGE[=VERSION]  all programs and libraries of a package, installed or fetched;\n"
	     "                        apt-get gets its source, which is built by its own rules\n"
	     "  -s, --source DIR      the source that it was built from, which stays as it is\n"
	     "  -o, --output DIR      where the patches and the log go; here, if it is not given\n"
	     "      --built FILE      what the build makes of the target, below DIR, if its name does not tell\n"
	     "      --test COMMAND    run this by sh -c with the patch in all that it starts; it has to succeed\n"
	     "      --no-trial        do not try the patch on a process\n"
	     "      --keep            keep the folder with both builds\n"
	     "  -v, --verbose         tell the steps\n"
	     "  -q, --quiet           print nothing but errors\n"
	     "  -h, --help            print this\n"
	     "      --version         print the version");
}

static _Noreturn void bad_usage(const char *why)
{
	stop(STAGE_USAGE, "%s (see nsb-build --help)", why);
}

static char *absolute(const char *path)
{
	char folder[PATH_MAX];

	if (*path == '/')
		return text("%s", path);
	if (getcwd(folder, sizeof(folder)) == NULL)
		stop(STAGE_OTHER, "cannot tell the folder that this is: %s", strerror(errno));
	return text("%s/%s", folder, path);
}

enum { OPTION_VERSION = 256, OPTION_BUILT, OPTION_TEST, OPTION_NO_TRIAL, OPTION_KEEP, OPTION_DEBIAN };

static const struct option long_options[] = {
	{ "target", required_argument, NULL, 't' },
	{ "pid", required_argument, NULL, 'p' },
	{ "source", required_argument, NULL, 's' },
	{ "output", required_argument, NULL, 'o' },
	{ "debian", required_argument, NULL, OPTION_DEBIAN },
	{ "built", required_argument, NULL, OPTION_BUILT },
	{ "test", required_argument, NULL, OPTION_TEST },
	{ "no-trial", no_argument, NULL, OPTION_NO_TRIAL },
	{ "keep", no_argument, NULL, OPTION_KEEP },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void read_options(int argc, char **argv, struct settings *settings)
{
	int c, end = argc;

	/* What follows "--" is the build's. */
	for (int i = 1; i < argc && end == argc; i++)
		if (strcmp(argv[i], "--") == 0)
			end = i;
	for (int i = end + 1; i < argc; i++)
		words_add(&settings->command, argv[i]);
	opterr = 0;
	(void)unsetenv("POSIXLY_CORRECT");
	while ((c = getopt_long(end, argv, "t:p:s:o:vqh", long_options, NULL)) != -1) {
		switch (c) {
		case 't':
			words_add(&settings->targets, absolute(optarg));
			break;
		case 'p':
			settings->pid = optarg;
			break;
		case 's':
			settings->source = optarg;
			break;
		case 'o':
			settings->output = absolute(optarg);
			break;
		case OPTION_DEBIAN:
			settings->debian = optarg;
			break;
		case OPTION_BUILT:
			settings->built = optarg;
			break;
		case OPTION_TEST:
			settings->test = optarg;
			break;
		case OPTION_NO_TRIAL:
			settings->no_trial = true;
			break;
		case OPTION_KEEP:
			settings->keeps = true;
			break;
		case 'v':
			msg_verbosity++;
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'h':
			help();
			exit(0);
		case OPTION_VERSION:
			puts("nsb-build " NSB_VERSION);
			exit(0);
		default:
			bad_usage(text("unknown option, or one without its argument: %s", argv[optind - 1]));
		}
	}
	for (int i = optind; i < end; i++)
		words_add(&settings->diffs, absolute(argv[i]));
}

static void check_settings(struct settings *settings)
{
	if (settings->targets.n == 0 && settings->pid == NULL && settings->debian == NULL)
		bad_usage("--target FILE, --pid PID or --debian PACKAGE has to say what is to be patched");
	if (settings->debian != NULL && (settings->targets.n != 0 || settings->pid != NULL || settings->source != NULL ||
					 settings->built != NULL || settings->command.n != 0))
		bad_usage("--debian goes with diffs alone: it tells source, targets and command");
	if (settings->debian != NULL && (*settings->debian == '-' || *settings->debian == '='))
		bad_usage("--debian wants the name of a package");
	if (settings->pid != NULL && (*settings->pid == '\0' || settings->pid[strspn(settings->pid, "0123456789")] != '\0'))
		bad_usage("--pid wants a number");
	if (settings->source == NULL && settings->debian == NULL)
		bad_usage("--source DIR has to say where the source is");
	if (settings->built != NULL && (settings->pid != NULL || settings->targets.n != 1))
		bad_usage("--built goes with one --target");
	if (settings->diffs.n == 0)
		bad_usage("a diff is needed");
	if (settings->command.n == 0 && settings->debian == NULL)
		bad_usage("the command that builds the program is needed, behind --");
	if (settings->output == NULL)
		settings->output = absolute(".");
	settings->output = path_plain(settings->output);
	settings->log = text("%s/nsb-build.log", settings->output);
	settings->gen = find_tool("nsb-gen");
	settings->nsb = find_tool("nsb");
}

int main(int argc, char **argv)
{
	struct settings settings = { .pid = NULL };
	const char *name = argc > 0 ? base_name(argv[0]) : "nsb-build";

	/* "nsb-build" ends in no compiler's name. */
	if (is_compiler_name(name))
		return wrapper_main(name, argc, argv);
	msg_init("nsb-build");
	read_options(argc, argv, &settings);
	check_settings(&settings);
	int fd = open(settings.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		stop(STAGE_OTHER, "%s: cannot write the log: %s", settings.log, strerror(errno));
	close(fd);
	int status = keeper_run(work, &settings, settings.log, settings.keeps);
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		warn("cannot write the output: %s", strerror(errno));
		return STAGE_OTHER;
	}
	return status;
}
