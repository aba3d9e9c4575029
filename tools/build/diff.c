/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawn.h"
#include "stage.h"
#include "steps.h"

enum { MOST_STRIPPED = 4 };

/* Run patch(1); what it says is in *said, and in the log. */
static int run_patch(const char *diff, const char *tree, const char *work, const char *log, struct words *options, char **said)
{
	char *output = text("%s/patch.said", work);
	struct words argv = { .n = 0 };

	(void)unlink(output);
	words_add_all(&argv, "patch", "-f", "--no-backup-if-mismatch", "-r", "-", "-d", tree, "-i", diff, NULL);
	words_append(&argv, options);
	struct words environment = { .n = 0 };
	for (char **each = environ; *each != NULL; each++)
		words_add(&environment, *each);
	words_set(&environment, "LC_ALL", "C");
	int status = spawn(&(struct spawn){ .argv = &argv, .environment = &environment, .output = output });
	*said = slurp(output, NULL);
	if (*said == NULL)
		*said = text("%s", "");
	if (status == 127)
		stop(STAGE_OTHER, "cannot run patch(1), which applies diffs: install the package patch");
	FILE *file = fopen(log, "ae");
	if (file != NULL) {
		(void)fprintf(file, "%s", *said);
		(void)fclose(file);
	}
	return status;
}

/* The line of `said` that `at` is in, without what stands in front of it. */
static char *rest_of_line(const char *at)
{
	return text("%.*s", (int)strcspn(at, "\n"), at);
}

/* What patch(1) could not do: the file and the hunk. */
static char *what_fails(const char *said)
{
	const char *file = NULL, *failed = strstr(said, " FAILED at "), *missing = strstr(said, "can't find file to patch");
	const char *damaged = strstr(said, "malformed patch"), *none = strstr(said, "Only garbage was found");

	if (none != NULL)
		return text("it is no diff");
	if (damaged != NULL)
		return text("it is damaged: %s", rest_of_line(damaged));
	if (missing != NULL && (failed == NULL || missing < failed)) {
		const char *name = strstr(missing, "\n|+++ ");

		if (name != NULL)
			return text("the source has no file %.*s", (int)strcspn(name + 6, "\t\n"), name + 6);
		return text("the source has no such file");
	}
	if (failed == NULL)
		return text("%s", *said != '\0' ? rest_of_line(said) : "patch(1) says nothing");
	for (const char *at = said; (at = strstr(at, "checking file ")) != NULL && at < failed; at++)
		file = at + 14;
	const char *hunk = failed;
	while (hunk > said && hunk[-1] != '\n')
		hunk--;
	/* "Hunk #2 FAILED at 31." */
	hunk = strchr(hunk, '#');
	return text("%s, hunk %d", file != NULL ? rest_of_line(file) : "?", hunk != NULL ? atoi(hunk + 1) : 0);
}

static void apply(const char *diff, const char *tree, const char *work, const char *log)
{
	char *said, *why = NULL;

	if (access(diff, R_OK) != 0)
		stop(STAGE_DIFF, "%s: %s", diff, strerror(errno));
	/* Most diffs are made by git or quilt, with one folder in front. */
	static const int strip[MOST_STRIPPED] = { 1, 0, 2, 3 };
	for (int i = 0; i < MOST_STRIPPED; i++) {
		struct words options = { .n = 0 };

		words_add_all(&options, text("-p%d", strip[i]), "--dry-run", NULL);
		if (run_patch(diff, tree, work, log, &options, &said) == 0) {
			options.all[options.n - 1] = text("--quoting-style=literal");
			if (run_patch(diff, tree, work, log, &options, &said) != 0)
				stop(STAGE_OTHER, "%s: cannot apply it to a copy of the source: %s", diff, what_fails(said));
			if (strstr(said, " with fuzz ") != NULL) {
				step_clear();
				warn("%s: applied, but lines around the change are not those of this source: look whether it belongs "
				     "there (the log tells where)", diff);
			}
			return;
		}
		/* Where the file was found the hunk is of more interest than where it was not. */
		if (why == NULL || (strstr(said, " FAILED at ") != NULL && strstr(why, ", hunk ") == NULL))
			why = what_fails(said);
		words_add(&options, "-R");
		if (strstr(said, " FAILED at ") != NULL && run_patch(diff, tree, work, log, &options, &said) == 0)
			stop(STAGE_DIFF, "%s: the source has this fix already: take the source that the target was built from", diff);
	}
	stop(STAGE_DIFF, "%s does not apply: %s (is it for another version?)", diff, why);
}

void diffs_apply(const struct words *diffs, const char *tree, const char *work, const char *log)
{
	for (size_t i = 0; i < diffs->n; i++)
		apply(diffs->all[i], tree, work, log);
}
