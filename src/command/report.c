/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "job.h"
#include "json.h"
#include "package.h"
#include "show.h"
#include "status.h"
#include "store.h"

#define NAMES_MAX 8	/* programs in a line; the others are counted */
#define PIDS_MAX 4	/* processes of one program that are named by their numbers */

static const struct {
	const char *text, *word;	/* for people; for programs */
	bool is_bad;
} standings[STANDINGS] = {
	[STANDING_PATCHED] = { "patched", "patched", false },
	[STANDING_OLDER] = { "an older version", "older", true },
	[STANDING_UNPATCHED] = { "not patched", "unpatched", true },
	[STANDING_FORGED] = { "claims to be patched, and is not", "forged", true },
	[STANDING_UNREADABLE] = { "not readable", "unreadable", true },
	[STANDING_OTHER] = { "another build", "other_build", false },
	[STANDING_LOADED] = { "loaded", "loaded", false },
};

size_t report_count(const struct survey *survey, size_t patch, enum standing standing)
{
	size_t count = 0;

	for (size_t i = 0; i < survey->n_findings; i++) {
		const struct survey_finding *finding = &survey->findings[i];

		count += (patch == SIZE_MAX || finding->patch == patch) && finding->standing == standing;
	}
	return count;
}

static size_t count_deleted(const struct survey *survey, size_t patch)
{
	size_t count = 0;

	for (size_t i = 0; i < survey->n_findings; i++)
		count += survey->findings[i].patch == patch && survey->findings[i].is_deleted;
	return count;
}

/* ---- for people ---- */

/* Whether two findings are told in one line. */
static bool are_alike(const struct survey_finding *a, const struct survey_finding *b)
{
	bool tells_file = a->standing == STANDING_OTHER || a->standing == STANDING_LOADED;

	return a->patch == b->patch && a->standing == b->standing && strcmp(a->has, b->has) == 0 &&
	       (!tells_file || (a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0 &&
				strcmp(a->path, b->path) == 0 && a->is_deleted == b->is_deleted));
}

/* Findings that belong together: like `like`, or, if that is NULL, those of deleted files of one patch. */
struct alike {
	const struct survey *survey;
	const struct survey_finding *like;
	size_t patch;
};

static bool is_in(const struct alike *group, size_t i)
{
	const struct survey_finding *finding = &group->survey->findings[i];

	return group->like != NULL ? are_alike(group->like, finding) : finding->patch == group->patch && finding->is_deleted;
}

/* The next finding of the group from `i` on, of the program comm, if that is not NULL. */
static size_t next_in(const struct alike *group, size_t i, const char *comm)
{
	while (i < group->survey->n_findings &&
	       (!is_in(group, i) || (comm != NULL && strcmp(comm, group->survey->findings[i].comm) != 0)))
		i++;
	return i;
}

static void print_program(const struct alike *group, const char *comm, size_t count)
{
	text_string(stdout, comm);
	if (count > PIDS_MAX) {
		printf(" (%zu)", count);
		return;
	}
	for (size_t i = next_in(group, 0, comm); i < group->survey->n_findings; i = next_in(group, i + 1, comm))
		printf(" %d", group->survey->findings[i].pid);
}

/* Print ": 12: nginx (10), haproxy 4242 4243" and the end of the line. */
static void print_group(const struct alike *group)
{
	const struct survey *survey = group->survey;
	size_t total = 0, named = 0, n_programs = 0;

	for (size_t i = next_in(group, 0, NULL); i < survey->n_findings; i = next_in(group, i + 1, NULL))
		total++;
	printf(": %zu: ", total);
	for (size_t i = next_in(group, 0, NULL); i < survey->n_findings; i = next_in(group, i + 1, NULL)) {
		const char *comm = survey->findings[i].comm;
		size_t count = 0;

		if (next_in(group, 0, comm) != i)
			continue;
		if (n_programs++ == NAMES_MAX) {
			printf(", and %zu of other programs", total - named);
			break;
		}
		for (size_t k = i; k < survey->n_findings; k = next_in(group, k + 1, comm))
			count++;
		if (named > 0)
			fputs(", ", stdout);
		named += count;
		print_program(group, comm, count);
	}
	putchar('\n');
}

static void print_id(const struct survey_finding *finding)
{
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(finding->id, finding->id_size, id);
	printf(" %.12s, ", finding->id_size > 0 ? id : "without a build-id");
	text_string(stdout, finding->path);
}

static void print_line(const struct alike *group)
{
	const struct survey_finding *first = group->like;
	char package[PACKAGE_MAX];

	if (first->standing == STANDING_LOADED) {
		fputs("build", stdout);
	} else {
		fputs("    ", stdout);
		show_bad(standings[first->standing].text, standings[first->standing].is_bad);
	}
	if (first->standing == STANDING_OTHER || first->standing == STANDING_LOADED) {
		print_id(first);
		if (first->is_deleted)
			fputs(" (deleted or replaced)", stdout);
		else if (package_of(first->path, first->inode, package))
			printf(" of %s", package);
		if (first->standing == STANDING_LOADED)
			fputs(first->has[0] != '\0' ? ", patched by" : ", without a patch", stdout);
	}
	if (first->has[0] != '\0') {
		putchar(' ');
		text_string(stdout, first->has);
	}
	print_group(group);
}

/* Print a line for each group of findings of a patch. */
static void print_groups(const struct survey *survey, size_t patch)
{
	for (int standing = 0; standing < STANDINGS; standing++) {
		for (size_t i = 0; i < survey->n_findings; i++) {
			const struct survey_finding *finding = &survey->findings[i];
			const struct alike group = { survey, finding, patch };

			if (finding->patch == patch && finding->standing == (uint32_t)standing &&
			    next_in(&group, 0, NULL) == i)
				print_line(&group);
		}
	}
}

static void print_patch(const struct survey *survey, size_t patch)
{
	static const char *const fields[] = { "package", "version", "severity" };
	const struct vzpatch *meta = &survey->patches[patch].meta;
	const struct alike deleted = { survey, NULL, patch };
	char id[2 * BUILD_ID_MAX + 1];

	text_string(stdout, meta->patch.name);
	build_id_format(meta->patch.build_id.data, (size_t)meta->patch.build_id.size, id);
	printf(" %.12s for ", id);
	text_string(stdout, meta->target.name);
	build_id_format(meta->target.build_id.data, (size_t)meta->target.build_id.size, id);
	printf(" %.12s", id);
	for (size_t i = 0; i < meta->n_comments; i++) {
		bool told = strcmp(meta->comments[i].key, "cve") == 0;

		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]) && !told; k++)
			told = strcmp(meta->comments[i].key, fields[k]) == 0;
		if (told) {
			putchar(' ');
			text_string(stdout, meta->comments[i].text);
		}
	}
	putchar('\n');
	print_groups(survey, patch);
	if (count_deleted(survey, patch) > 0) {
		fputs("    of these run a file that was deleted or replaced", stdout);
		print_group(&deleted);
	}
}

/* The last line: the sums. */
static void print_sums(const struct survey *survey)
{
	printf("%zu patches", survey->n_patches);
	for (int standing = 0; standing < STANDING_LOADED; standing++) {
		size_t count = report_count(survey, SIZE_MAX, (enum standing)standing);

		if (count == 0 && standing != STANDING_PATCHED && standing != STANDING_UNPATCHED)
			continue;
		printf(", ");
		show_count(count, standings[standing].text, standings[standing].is_bad);
	}
	if (survey->n_forbidden + survey->n_passed_over > 0) {
		printf(", ");
		show_count(survey->n_forbidden + survey->n_passed_over, "could not be looked at", true);
	}
	putchar('\n');
}

/* ---- for programs ---- */

static void add_processes(const struct survey *survey, size_t patch)
{
	json_open("processes", '[');
	for (size_t i = 0; i < survey->n_findings; i++) {
		const struct survey_finding *finding = &survey->findings[i];
		char package[PACKAGE_MAX];

		if (finding->patch != patch)
			continue;
		json_open(NULL, '{');
		json_number("pid", (uint64_t)finding->pid);
		json_text("process", finding->comm);
		json_text("standing", standings[finding->standing].word);
		json_bool("deleted", finding->is_deleted);
		if (finding->has[0] != '\0')
			json_text("has", finding->has);
		if (finding->path[0] != '\0') {
			json_bytes("build", finding->id, finding->id_size);
			json_text("path", finding->path);
			json_text("package", !finding->is_deleted && package_of(finding->path, finding->inode, package) ?
				  package : NULL);
		}
		json_close('}');
	}
	json_close(']');
}

static void add_patch(const struct survey *survey, size_t patch)
{
	const struct vzpatch *meta = &survey->patches[patch].meta;

	json_open(NULL, '{');
	json_text("patch", meta->patch.name);
	json_bytes("build_id", meta->patch.build_id.data, (size_t)meta->patch.build_id.size);
	json_text("object", meta->target.name);
	json_bytes("object_build_id", meta->target.build_id.data, (size_t)meta->target.build_id.size);
	show_fields(meta);
	for (int standing = 0; standing < STANDING_LOADED; standing++)
		json_number(standings[standing].word, report_count(survey, patch, (enum standing)standing));
	json_number("deleted", count_deleted(survey, patch));
	add_processes(survey, patch);
	json_close('}');
}

/* As Prometheus wants a label's value: no quote, backslash or newline as it is. */
static void print_label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			putchar('\\');
		putchar((unsigned char)*value < ' ' ? '?' : *value);
	}
	putchar('"');
}

void report_prometheus(const struct survey *survey)
{
	printf("# HELP nsb_patch_processes Processes that have loaded what a live patch is for.\n"
	       "# TYPE nsb_patch_processes gauge\n");
	for (size_t i = 0; i < survey->n_patches; i++) {
		const struct vzpatch *meta = &survey->patches[i].meta;
		const char *cve = store_field(meta, "cve");
		char id[2 * BUILD_ID_MAX + 1], build[2 * BUILD_ID_MAX + 1];

		build_id_format(meta->patch.build_id.data, (size_t)meta->patch.build_id.size, id);
		build_id_format(meta->target.build_id.data, (size_t)meta->target.build_id.size, build);
		for (int standing = 0; standing < STANDING_LOADED; standing++) {
			printf("nsb_patch_processes{id=\"%s\",build=\"%s\",", id, build);
			print_label("patch", meta->patch.name);
			putchar(',');
			print_label("object", meta->target.name);
			putchar(',');
			print_label("cve", cve == NULL ? "" : cve);
			printf(",standing=\"%s\"} %zu\n", standings[standing].word,
			       report_count(survey, i, (enum standing)standing));
		}
	}
	printf("# HELP nsb_unseen_processes Processes that nsb could not look at.\n# TYPE nsb_unseen_processes gauge\n"
	       "nsb_unseen_processes %zu\n", survey->n_forbidden + survey->n_passed_over);
}

int report_check(const struct survey *survey)
{
	static const struct {
		const char *name;
		int err;
	} words[] = { { "OK", 0 }, { "WARNING", -EINVAL }, { "CRITICAL", -ENOENT }, { "UNKNOWN", -EBUSY } };
	size_t counts[STANDINGS], unseen = survey->n_forbidden + survey->n_passed_over;
	unsigned word = 0;

	for (int i = 0; i < STANDINGS; i++)
		counts[i] = report_count(survey, SIZE_MAX, (enum standing)i);
	if (counts[STANDING_OLDER] + counts[STANDING_UNPATCHED] + counts[STANDING_FORGED] > 0)
		word = 2;
	else if (job_counts_forbidden(survey->options, survey->n_forbidden) || survey->n_passed_over > 0 ||
		 survey->n_left_out > 0 || counts[STANDING_UNREADABLE] > 0)
		word = 3;
	else if (counts[STANDING_OTHER] > 0)
		word = 1;
	printf("NSB %s - %zu patches: %zu processes patched, %zu not, %zu of other builds, %zu not looked at", words[word].name,
	       survey->n_patches, counts[STANDING_PATCHED],
	       counts[STANDING_OLDER] + counts[STANDING_UNPATCHED] + counts[STANDING_FORGED], counts[STANDING_OTHER],
	       counts[STANDING_UNREADABLE] + unseen);
	if (survey->n_left_out > 0)
		printf(", %zu files of the store left out", survey->n_left_out);
	printf(" |");
	for (int i = 0; i < STANDING_LOADED; i++)
		printf(" %s=%zu", standings[i].word, counts[i]);
	printf(" unseen=%zu\n", unseen);
	return words[word].err;
}

/* ---- all of it ---- */

static int result_of(const struct survey *survey)
{
	size_t bad = 0;

	for (int i = 0; i < STANDINGS; i++)
		bad += standings[i].is_bad && i != STANDING_UNREADABLE ? report_count(survey, SIZE_MAX, (enum standing)i) : 0;
	if (job_counts_forbidden(survey->options, survey->n_forbidden))
		(void)job_tell_forbidden(survey->options, survey->n_forbidden);
	if (bad > 0)
		return -ENOENT;
	if (msg_kept()[0] != '\0')
		return -EPERM;
	return survey->n_passed_over + survey->n_left_out > 0 || report_count(survey, SIZE_MAX, STANDING_UNREADABLE) > 0 ?
	       -ECANCELED : 0;
}

int report_status(const struct survey *survey)
{
	int err = result_of(survey);

	if (survey->options->json) {
		json_begin("status");
		json_open("patches", '[');
		for (size_t i = 0; i < survey->n_patches; i++)
			add_patch(survey, i);
		json_close(']');
		json_number("not_permitted", survey->n_forbidden);
		json_number("passed_over", survey->n_passed_over);
		json_number("left_out", survey->n_left_out);
		json_number("status", status_of(err));
		json_text("result", status_name(status_of(err)));
		json_text("reason", msg_kept()[0] == '\0' ? NULL : msg_kept());
		json_end();
	} else if (!survey->options->quiet) {
		for (size_t i = 0; i < survey->n_patches; i++)
			print_patch(survey, i);
		print_sums(survey);
	}
	return err;
}

int report_objects(const struct survey *survey)
{
	int err = result_of(survey);

	if (survey->options->json) {
		json_begin("list");
		add_processes(survey, 0);
		json_number("not_permitted", survey->n_forbidden);
		json_number("status", status_of(err));
		json_text("reason", msg_kept()[0] == '\0' ? NULL : msg_kept());
		json_end();
	} else {
		print_groups(survey, 0);
	}
	return err;
}
