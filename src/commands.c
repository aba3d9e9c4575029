/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "session.h"

#define TIME_BYTES 96

/* A file that is not there is a bad patch; -ENOENT means "not applied" here. */
static int read_patch(const struct options *options, struct patchfile *patch)
{
	int err = patchfile_open(patch, options->file);

	return err == -ENOENT ? -ENOEXEC : err;
}

static void format_id(const struct record_head *head, char text[2 * BUILD_ID_MAX + 1])
{
	build_id_format(head->patch_id, head->patch_id_size, text);
}

static void print_change(const struct options *options, const char *done, const char *name,
			 const struct safepoint_report *report, uint64_t resumed)
{
	if (options->json) {
		printf("{\"schema\": 1, \"pid\": %d, \"action\": \"%s\", \"dry_run\": %s, \"patch\": ",
		       options->pid, done, options->dry_run ? "true" : "false");
		json_string(stdout, name);
		printf(", \"threads\": %zu, \"frames\": %zu, \"attempts\": %u, \"runner_ns\": %" PRIu64
		       ", \"held_ns\": %" PRIu64 "}\n", report->threads, report->frames,
		       report->attempts,
		       report->first_runner == 0 ? 0 : resumed - report->first_runner,
		       resumed - report->first_stop);
	} else if (!options->quiet) {
		printf("%d: %s %s%s\n", options->pid, name, options->dry_run ? "can be " : "", done);
	}
}

/* ---- patch and revert ---- */

int command_patch(const struct options *options)
{
	struct session session = { 0 };
	struct patchfile patch = { 0 };
	int err = read_patch(options, &patch);

	if (err == 0) {
		err = session_open(&session, options->pid, TARGET_CHANGE);
		if (err == 0)
			err = session_patch(&session, options, &patch);
		err = session_close(&session, err);
	}
	if (err == 0)
		print_change(options, "applied", patch.meta.patch.name, &session.report,
			     session.resumed);
	patchfile_deinit(&patch);
	return err;
}

static int read_id(const struct options *options, uint8_t *id, size_t *size)
{
	struct patchfile patch = { 0 };
	int err;

	*size = options->id_size;
	if (*size > 0) {
		memcpy(id, options->id, *size);
		return 0;
	}
	err = read_patch(options, &patch);
	if (err == 0) {
		*size = (size_t)patch.meta.patch.build_id.size;
		memcpy(id, patch.meta.patch.build_id.data, *size);
	}
	patchfile_deinit(&patch);
	return err;
}

int command_revert(const struct options *options)
{
	struct session session = { 0 };
	uint8_t id[BUILD_ID_MAX];
	char name[256] = "";
	size_t size;
	int err = read_id(options, id, &size);

	if (err == 0)
		err = session_open(&session, options->pid, TARGET_CHANGE);
	if (err == 0) {
		const struct record *record = records_find(&session.records, NULL, id, size);

		if (record != NULL)
			(void)snprintf(name, sizeof(name), "%s",
				       record_string(record, record->head->patch_name));
		err = session_revert(&session, options, id, size);
	}
	err = session_close(&session, err);
	if (err == 0)
		print_change(options, "reverted", name, &session.report, session.resumed);
	return err;
}

/* ---- list ---- */

static const char *state_name(const struct record *record)
{
	if (record->is_gone && record->head->state != RECORD_KEPT)
		return "target gone";
	switch (record->head->state) {
	case RECORD_APPLIED:
		return "applied";
	case RECORD_LOADING:
		return "half applied";
	case RECORD_REVERTING:
		return "half reverted";
	default:
		return "reverted, memory kept";
	}
}

/*
 * Seconds since 1970 as ISO 8601, in UTC.  By hand: gmtime_r reads time zones, with
 * scanf and all of strtod, 150 KB.  Counted in eras of 400 years, whose years begin
 * in March, so that the leap day is the last of its year.
 */
static void format_time(uint64_t seconds, char *text, size_t size)
{
	uint64_t days = seconds / 86400 + 719468;	/* since March 1 of the year 0 */
	unsigned day = (unsigned)(days % 146097), in_day = (unsigned)(seconds % 86400);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	(void)snprintf(text, size, "%04" PRIu64 "-%02u-%02uT%02u:%02u:%02uZ",
		       days / 146097 * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9,
		       day + 1, in_day / 3600, in_day / 60 % 60, in_day % 60);
}

static void print_record(pid_t pid, const struct record *record)
{
	const struct record_head *head = record->head;
	char id[2 * BUILD_ID_MAX + 1], when[TIME_BYTES];

	format_id(head, id);
	format_time(head->applied_at, when, sizeof(when));
	printf("%d: %" PRIu64 " %s %s -> %s %s %s:", pid, head->sequence, id,
	       record_string(record, head->patch_name), record_string(record, head->object_name),
	       when, state_name(record));
	for (uint32_t i = 0; i < head->n_funcs; i++)
		printf(" %s", record_string(record, record->funcs[i].name));
	if (record_string(record, head->description)[0] != '\0')
		printf(" (%s)", record_string(record, head->description));
	printf("\n");
}

static void print_record_json(pid_t pid, const struct record *record, bool first)
{
	const struct record_head *head = record->head;
	char id[2 * BUILD_ID_MAX + 1], object_id[2 * BUILD_ID_MAX + 1], when[TIME_BYTES];

	format_id(head, id);
	build_id_format(head->object_id, head->object_id_size, object_id);
	format_time(head->applied_at, when, sizeof(when));
	printf("%s\n  {\"pid\": %d, \"order\": %" PRIu64 ", \"build_id\": \"%s\", \"patch\": ",
	       first ? "" : ",", pid, head->sequence, id);
	json_string(stdout, record_string(record, head->patch_name));
	printf(", \"object\": ");
	json_string(stdout, record_string(record, head->object_name));
	printf(", \"object_build_id\": \"%s\", \"state\": \"%s\", \"applied_at\": \"%s\","
	       " \"address\": \"0x%" PRIx64 "\", \"mapped\": %" PRIu64 ", \"description\": ",
	       object_id, state_name(record), when, head->address, head->mapped);
	json_string(stdout, record_string(record, head->description));
	printf(", \"functions\": [");
	for (uint32_t i = 0; i < head->n_funcs; i++) {
		printf("%s{\"name\": ", i == 0 ? "" : ", ");
		json_string(stdout, record_string(record, record->funcs[i].name));
		printf(", \"target\": \"0x%" PRIx64 "\", \"patch\": \"0x%" PRIx64 "\"}",
		       record->funcs[i].target, record->funcs[i].patch);
	}
	printf("]}");
}

static void print_records(const struct options *options, const struct session *session,
			  size_t *printed)
{
	for (size_t i = 0; i < session->records.count; i++) {
		const struct record *record = &session->records.all[i];

		if (options->json)
			print_record_json(session->target.pid, record, *printed == 0);
		else
			print_record(session->target.pid, record);
		*printed += 1;
	}
}

static int list_one(const struct options *options, pid_t pid, size_t *printed)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);

	if (err == 0 && session.records.count > 0)
		err = session_read_objects(&session);
	if (err == 0)
		print_records(options, &session, printed);
	return session_close(&session, err);
}

/* Processes that end meanwhile, kernel threads and those of others are passed over. */
static int list_all(const struct options *options, size_t *printed)
{
	pid_t *pids;
	size_t count;
	int err = proc_list(&pids, &count);

	if (err != 0)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (list_one(options, pids[i], printed) != 0) {
			debug("%s", msg_kept());
			msg_forget();
		}
	}
	free(pids);
	return 0;
}

int command_list(const struct options *options)
{
	size_t printed = 0;
	int err;

	if (options->json)
		printf("{\"schema\": 1, \"patches\": [");
	err = options->pid != 0 ? list_one(options, options->pid, &printed) :
				  list_all(options, &printed);
	if (options->json)
		printf("]}\n");
	return err;
}

/* ---- check ---- */

/* Try all but the change itself; the reason why not is the kept message. */
static int try_patch(const struct options *options, const struct patchfile *patch)
{
	struct options trial = *options;
	struct session session;
	int err = session_open(&session, options->pid, TARGET_CHANGE);

	trial.dry_run = true;
	if (err == 0)
		err = session_patch(&session, &trial, patch);
	return session_close(&session, err);
}

static int is_applied(const struct options *options, const struct patchfile *patch)
{
	struct session session;
	int err = session_open(&session, options->pid, TARGET_VIEW);

	if (err == 0)
		err = session_is_applied(&session, patch);
	return session_close(&session, err);
}

static void print_check(const struct options *options, const struct patchfile *patch,
			const char *answer, const char *reason)
{
	if (options->json) {
		printf("{\"schema\": 1, \"pid\": %d, \"patch\": ", options->pid);
		json_string(stdout, patch->meta.patch.name);
		printf(", \"answer\": \"%s\", \"reason\": ", answer);
		json_string(stdout, reason);
		printf("}\n");
	} else if (!options->quiet) {
		printf("%d: %s: %s%s%s\n", options->pid, patch->meta.patch.name, answer,
		       reason[0] != '\0' ? ": " : "", reason);
	}
}

int command_check(const struct options *options)
{
	struct patchfile patch = { 0 };
	int err = read_patch(options, &patch);

	if (err == 0)
		err = is_applied(options, &patch);
	if (err == 0) {
		print_check(options, &patch, "applied", "");
	} else if (err == -ENOENT && msg_kept()[0] == '\0') {
		int trial = try_patch(options, &patch);

		print_check(options, &patch, trial == 0 ? "not applied, can be applied now" :
			    "not applied, cannot be applied now", msg_kept());
		if (trial == -EUCLEAN)
			err = trial;
		else
			msg_forget();
	}
	patchfile_deinit(&patch);
	return err;
}

/* ---- info ---- */

int command_info(const struct options *options)
{
	struct patchfile patch = { 0 };
	int err = read_patch(options, &patch);

	if (err == 0 && options->json) {
		vzpatch_print_json(&patch.meta, stdout);
		printf("\n");
	} else if (err == 0) {
		vzpatch_print(&patch.meta, stdout);
	}
	patchfile_deinit(&patch);
	return err;
}
