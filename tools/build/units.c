/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "binary.h"
#include "spawn.h"
#include "stage.h"

/* ---- files that differ between the two trees ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_in_place(const struct place *place, const char *path)
{
	size_t length = strlen(place->path);

	return strncmp(path, place->path, length) == 0 && path[length] == '/';
}

/* The files of the tree that any compiler has read and that differ; sorted. */
static void find_changed(const struct both *pair, struct words *changed)
{
	struct words all = { .n = 0 };
	const char *last = NULL;

	for (size_t i = 0; i < pair->new.n; i++)
		for (size_t j = 0; j < pair->new.all[i].reads.n; j++)
			if (is_in_place(pair->place, pair->new.all[i].reads.all[j]))
				words_add(&all, pair->new.all[i].reads.all[j]);
	if (all.n == 0)
		return;
	qsort(all.all, all.n, sizeof(*all.all), by_text);
	for (size_t i = 0; i < all.n; i++) {
		if (last != NULL && strcmp(last, all.all[i]) == 0)
			continue;
		last = all.all[i];
		if (!same_files(place_outside(pair->place, pair->tree_old, last), place_outside(pair->place, pair->tree_new, last)))
			words_add(changed, last);
	}
}

static bool has_sorted(const struct words *words, const char *word)
{
	return words->n != 0 && bsearch(&word, words->all, words->n, sizeof(*words->all), by_text) != NULL;
}

/* May the text of this compilation differ?  If the new one read a file that differs, or other files. */
static bool reads_changed(const struct compiled *unit, const struct words *changed)
{
	if (unit->old == NULL || unit->new->reads.n == 0 || unit->old->arguments.n != unit->new->arguments.n)
		return true;
	for (size_t i = 0; i < unit->new->arguments.n; i++)
		if (strcmp(unit->old->arguments.all[i], unit->new->arguments.all[i]) != 0)
			return true;
	if (unit->old->reads.n != unit->new->reads.n)
		return true;
	for (size_t i = 0; i < unit->new->reads.n; i++)
		if (strcmp(unit->new->reads.all[i], unit->old->reads.all[i]) != 0 || has_sorted(changed, unit->new->reads.all[i]))
			return true;
	return false;
}

/* ---- pairs of compilations ---- */

static bool same_result(const struct compilation *a, const struct compilation *b)
{
	const char *output_a = compilation_output(a), *output_b = compilation_output(b);

	return strcmp(a->folder, b->folder) == 0 && a->line.what == b->line.what &&
	       (output_a == NULL ? output_b == NULL : output_b != NULL && strcmp(output_a, output_b) == 0);
}

/* The last compilation of this source to this result. */
static const struct compilation *find_last(const struct compilations *all, const struct compilation *like, const char *source)
{
	for (size_t i = all->n; i-- > 0;)
		if (words_has(&all->all[i].line.sources, source) && same_result(&all->all[i], like))
			return &all->all[i];
	return NULL;
}

static void add_pairs(const struct both *pair, const struct compilation *new, struct units *units)
{
	for (size_t i = 0; i < new->line.sources.n; i++) {
		const char *source = new->line.sources.all[i];
		char *path = compilation_path(new, source);

		/* What configure tried is gone by now; what is made anew is asked for once. */
		if (access(place_outside(pair->place, pair->tree_new, path), R_OK) != 0 ||
		    access(place_outside(pair->place, pair->tree_new, new->folder), X_OK) != 0 || find_last(&pair->new, new, source) != new)
			continue;
		if (ARRAY_GROW(&units->all, units->n, 1) != 0)
			stop_kept(STAGE_OTHER);
		units->all[units->n++] = (struct compiled){
			.old = find_last(&pair->old, new, source), .new = new, .source = source, .path = path,
			.shown = is_in_place(pair->place, path) ? path + strlen(pair->place->path) + 1 : path,
		};
	}
}

/* ---- running the compiler once more ---- */

/* Start the compiler of a compilation with other arguments. */
static pid_t recompile(const struct both *pair, const struct compilation *from, bool is_new, const struct words *arguments)
{
	struct words argv = { .n = 0 };

	words_add(&argv, from->compiler);
	words_append(&argv, arguments);
	return spawn_start(&(struct spawn){
		.argv = &argv, .environment = &from->environment, .place = pair->place,
		.tree = is_new ? pair->tree_new : pair->tree_old, .folder = from->folder, .output = pair->log });
}

typedef char *(*preparation)(const struct both *pair, struct compiled *unit, size_t number, bool is_new, struct words *arguments);

/*
 * Call a compiler for each unit, several at a time: in one of the trees, or in both at the same time.
 * failed[i] tells of unit i.
 */
static void run_jobs(const struct both *pair, struct units *units, bool in_old, bool in_new, preparation prepare, bool *failed)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = processors > 1 ? (size_t)processors : 1, begun = 0;
	pid_t *pids = calloc(2 * units->n + 1, sizeof(*pids));

	if (pids == NULL)
		stop(STAGE_OTHER, "out of memory");
	/* Two jobs for each unit. */
	for (size_t done = 0; done < 2 * units->n; done++) {
		for (; begun < 2 * units->n && begun < done + most; begun++) {
			struct compiled *unit = &units->all[begun / 2];
			bool is_new = begun % 2 != 0;
			const struct compilation *from = is_new ? unit->new : unit->old;
			struct words arguments = { .n = 0 };

			if ((is_new ? in_new : in_old) && unit->may_differ && from != NULL &&
			    prepare(pair, unit, begun / 2, is_new, &arguments) != NULL)
				pids[begun] = recompile(pair, from, is_new, &arguments);
		}
		if (pids[done] != 0)
			failed[done / 2] |= spawn_wait(pids[done]) != 0;
	}
	free(pids);
}

static void for_each(const struct both *pair, struct units *units, preparation prepare, bool *failed)
{
	if (pair->place->is_mounted) {
		run_jobs(pair, units, true, true, prepare, failed);
		return;
	}
	/* One tree can be in the place. */
	for (int is_new = 0; is_new < 2; is_new++) {
		const char *tree = is_new ? pair->tree_new : pair->tree_old;

		place_begin(pair->place, tree);
		run_jobs(pair, units, !is_new, is_new, prepare, failed);
		place_end(pair->place, tree);
	}
}

static char *prepare_text(const struct both *pair, struct compiled *unit, size_t number, bool is_new, struct words *arguments)
{
	char **output = is_new ? &unit->text_new : &unit->text_old;
	const struct compilation *from = is_new ? unit->new : unit->old;

	*output = text("%s/text/%zu.%s", pair->work, number, is_new ? "new" : "old");
	cmdline_preprocess(&from->arguments, unit->source, *output, arguments);
	return *output;
}

char *fixed_of(const struct both *both, const char *old)
{
	return text("%s%s", both->tree_new, old + strlen(both->tree_old));
}

const char *units_find(const struct both *pair, struct units *units)
{
	const char *stale = NULL;
	struct units all = { .n = 0 };
	struct words changed = { .n = 0 };

	for (size_t i = 0; i < pair->new.n; i++)
		add_pairs(pair, &pair->new.all[i], &all);
	find_changed(pair, &changed);
	for (size_t i = 0; i < all.n; i++)
		all.all[i].may_differ = reads_changed(&all.all[i], &changed);
	bool *failed = calloc(all.n + 1, sizeof(*failed));
	if (failed == NULL)
		stop(STAGE_OTHER, "out of memory");
	if (mkdir(text("%s/text", pair->work), 0700) != 0)
		stop(STAGE_OTHER, "%s/text: %s", pair->work, strerror(errno));
	for_each(pair, &all, prepare_text, failed);
	for (size_t i = 0; i < all.n; i++) {
		struct compiled *unit = &all.all[i];

		if (unit->may_differ && unit->old != NULL && !failed[i])
			unit->may_differ = !same_files(unit->text_old, unit->text_new);
		if (unit->may_differ && unit->new->is_of_old)
			stale = unit->shown;
		if (unit->may_differ) {
			if (ARRAY_GROW(&units->all, units->n, 1) != 0)
				stop_kept(STAGE_OTHER);
			units->all[units->n++] = *unit;
		}
	}
	free(failed);
	return stale;
}

/* ---- patch objects ---- */

static char *prepare_object(const struct both *pair, struct compiled *unit, size_t number, bool is_new, struct words *arguments)
{
	char **output = is_new ? &unit->object_new : &unit->object_old;
	const struct compilation *from = is_new ? unit->new : unit->old;

	if (*output != NULL)
		return NULL;
	/* nsb-gen names objects in messages: the source's name is in theirs. */
	const char *folder = is_new ? "objects-new" : "objects-old";
	char *plain = text("%s/%s/%s.o", pair->work, folder, base_name(unit->shown));
	bool is_taken = access(plain, F_OK) == 0;
	for (const struct compiled *each = unit - number; each < unit; each++) {
		const char *other = is_new ? each->object_new : each->object_old;

		is_taken |= other != NULL && strcmp(other, plain) == 0;
	}
	*output = is_taken ? text("%s/%s/%s-%zu.o", pair->work, folder, base_name(unit->shown), number) : plain;
	cmdline_patch_object(&from->arguments, unit->source, *output, arguments);
	return *output;
}

void units_compile(const struct both *pair, struct units *units)
{
	static const char *const folders[] = { "objects-old", "objects-new" };
	bool *failed = calloc(units->n + 1, sizeof(*failed));
	size_t from = log_size(pair->log);

	if (failed == NULL)
		stop(STAGE_OTHER, "out of memory");
	for (size_t i = 0; i < 2; i++)
		if (mkdir(text("%s/%s", pair->work, folders[i]), 0700) != 0 && errno != EEXIST)
			stop(STAGE_OTHER, "%s/%s: %s", pair->work, folders[i], strerror(errno));
	for_each(pair, units, prepare_object, failed);
	for (size_t i = 0; i < units->n; i++)
		if (failed[i])
			stop(STAGE_BUILD, "%s: cannot be compiled for a patch: %s (log: %s)", units->all[i].shown,
			     first_error(pair->log, from), pair->log);
	free(failed);
}

/* ---- what went where ---- */

/* Do these two tell the same of one source?  Example: libtool's object for a library and that for an archive. */
static bool is_twin(const struct compiled *a, const struct compiled *b)
{
	return strcmp(a->path, b->path) == 0 && same_files(a->text_old, b->text_old) && same_files(a->text_new, b->text_new);
}

void units_in(const struct both *pair, const struct units *units, const struct built *built, struct units *in)
{
	for (size_t i = 0; i < units->n; i++) {
		struct compiled *unit = &units->all[i];
		enum contains contains = CONTAINS_UNKNOWN;
		bool is_known = false;

		if (unit->old != NULL && unit->old->line.what == COMPILING_OBJECT)
			contains = built_contains(built, place_outside(pair->place, pair->tree_old, compilation_output(unit->old)));
		/* cc -o program a.c: nothing is left of the object. */
		if (unit->old != NULL && unit->old->line.what == COMPILING_PROGRAM) {
			char *output = realpath(place_outside(pair->place, pair->tree_old, compilation_output(unit->old)), NULL);

			is_known = output != NULL && strcmp(output, built->path) == 0;
			contains = is_known ? CONTAINS : CONTAINS_NOT;
			free(output);
		}
		if (contains == CONTAINS_UNKNOWN && unit->old != NULL)
			contains = built_has_source(built, unit->shown) ? CONTAINS : CONTAINS_NOT;
		/* A source that the fix brings along is in no old program: nsb-gen tells whether it is used. */
		if (unit->old == NULL)
			contains = CONTAINS;
		for (size_t j = 0; contains == CONTAINS && j < in->n; j++)
			if (is_twin(unit, &in->all[j]))
				contains = CONTAINS_NOT;
		if (contains != CONTAINS)
			continue;
		if (ARRAY_GROW(&in->all, in->n, 1) != 0)
			stop_kept(STAGE_OTHER);
		in->all[in->n++] = *unit;
	}
}

void units_add_source(const struct both *pair, struct units *units, const char *name)
{
	struct units all = { .n = 0 };

	for (size_t i = 0; i < units->n; i++)
		if (path_has_suffix(units->all[i].path, name))
			return;
	for (size_t i = 0; i < pair->new.n; i++)
		add_pairs(pair, &pair->new.all[i], &all);
	for (size_t i = 0; i < all.n; i++)
		if (path_has_suffix(all.all[i].path, name)) {
			all.all[i].may_differ = true;
			if (ARRAY_GROW(&units->all, units->n, 1) != 0)
				stop_kept(STAGE_OTHER);
			units->all[units->n++] = all.all[i];
			return;
		}
}

/* ---- the log ---- */

size_t log_size(const char *log)
{
	struct stat st;

	return stat(log, &st) == 0 ? (size_t)st.st_size : 0;
}

char *first_error(const char *log, size_t from)
{
	static const char *const begins[] = { "error: ", "E: ", NULL };
	static const char *const marks[] = { " error: ", "No space left on device", "Disk quota exceeded", "fatal error:", "undefined reference", "Error: ", "ERROR: ", "configure: error", NULL };
	size_t size;
	char *bytes = slurp(log, &size), *last = NULL;

	if (bytes == NULL || from > size)
		return text("it has written nothing to the log (is there space for it?)");
	for (char *line = strtok(bytes + from, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		for (const char *const *mark = marks; *mark != NULL; mark++)
			if (strstr(line, *mark) != NULL)
				return text("%s", line);
		for (const char *const *begin = begins; *begin != NULL; begin++)
			if (strncmp(line, *begin, strlen(*begin)) == 0)
				return text("%s", line);
		if (line[strspn(line, " \t\r")] != '\0')
			last = line;
	}
	return text("%s", last != NULL ? last : "it has written nothing to the log (is there space for it?)");
}
