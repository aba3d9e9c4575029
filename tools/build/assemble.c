/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deb.h"
#include "spawn.h"
#include "stage.h"
#include "steps.h"
#include "trial.h"

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

/* False: the old build is not the target, which the user accepts. */
static bool generate(const struct both *both, const struct settings *settings, const struct units *units, const struct patchable *target,
		     const char *old, const char *new, const char *patch, char **told)
{
	struct words argv = { .n = 0 };
	char *out = text("%s.told", patch), *said = text("%s.said", patch);

	words_add_all(&argv, settings->gen, "generate", "--mode", "auto", "--as-built", old, "--fixed", new, target->path, patch, NULL);
	if (settings->accepts_difference)
		words_add(&argv, "--accept-difference");
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
	bool is_accepted = notes != NULL && strstr(notes, "nsb-gen: accepted: ") != NULL;
	/* What nsb-gen wants the author to know. */
	step_clear();
	for (char *line = notes != NULL && !settings->quiet ? strtok(notes, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		warn("%s", readable(both, strncmp(line, "nsb-gen: ", 9) == 0 ? line + 9 : line));
	return !is_accepted;
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
		      const struct compilation *link, const struct words *options, const char *patch, const char *libraries, const char *former)
{
	pid_t pid = trial_start(&target->file, target->path, link->compiler, options, libraries, both->work, both->log);

	if (pid == 0)
		stop(STAGE_TRIAL, "%s: the patch was made and could not be tried: %s", target->name, msg_kept());
	if (former != NULL && trial_patch(pid, settings->nsb, former, both->work) != 0)
		stop(STAGE_TRIAL, "%s: %s does not work in a process: %s", target->name, former, msg_kept());
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

void assemble_patch(const struct both *both, const struct settings *settings, struct patchable *target, const char *old,
		    struct units *units, const struct words *programs, const struct former *former)
{
	char id[2 * BUILD_ID_MAX + 1], *told = NULL;
	char *new = fixed_of(both, old);
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
	bool is_target = generate(both, settings, units, target, old, new, made, &told);
	bool has_former = former->path != NULL && former_is_for(former, &target->file);
	const char *lacking = has_former ? former_lacks(former, made) : NULL;
	if (lacking != NULL)
		stop(STAGE_REFUSED, "%s: the patch does not replace %s, as %s does: give the diffs that this was made of, too", target->name,
		     lacking, settings->former);
	if (!settings->no_trial)
		try_patch(both, settings, target, link, &options, made, library_path(programs), has_former ? settings->former : NULL);
	if (settings->test != NULL)
		test_patch(both, settings, made);
	copy_out(made, out);
	const char *deb = settings->makes_deb ? deb_make(settings, target, out, both->work) : NULL;
	step_clear();
	if (settings->quiet)
		return;
	printf("%s\n", out);
	if (deb != NULL)
		printf("%s\n", deb);
	print_table(told != NULL ? told : "");
	printf("  proven: %s%s%sall that differs in the fixed build is replaced%s%s\n", is_target ? "the old build is " : "",
	       is_target ? target->name : "", is_target ? "; " : "",
	       settings->no_trial ? "" : "; applied to a process and reverted", settings->test != NULL ? "; the test passes with it" : "");
	const char *whom = settings->pid != NULL ? text("-p %s", settings->pid) : "--all";
	if (has_former)
		printf("  nsb revert %s -f %s\n", whom, settings->former);
	printf("  nsb patch %s -f %s\n", whom, out);
}
