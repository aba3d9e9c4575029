/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "proc.h"
#include "remote.h"

#define TIME_BYTES 96

/* Everything known of one target while a command works on it. */
struct session {
	struct target target;
	struct objects objects;
	struct records records;
	struct plan plan;
	struct safepoint_report report;
	uint64_t resumed;	/* when the runners had been let go */
};

/* ---- steps shared by the commands ---- */

static int open_session(struct session *session, pid_t pid, enum target_access access_wanted)
{
	int err;

	*session = (struct session){ .target = { .mem_fd = -1, .task_fd = -1 } };
	err = target_open(&session->target, pid, access_wanted);
	if (err == 0)
		err = records_read(&session->records, &session->target);
	return err;
}

/* The first error is the one to tell, unless the undo itself failed. */
static int close_session(struct session *session, int err)
{
	int closed;

	plan_deinit(&session->plan);
	objects_deinit(&session->objects);
	records_deinit(&session->records);
	closed = target_close(&session->target);
	return closed != 0 ? closed : err;
}

/* A file that is not there is a bad patch; -ENOENT means "not applied" here. */
static int read_patch(const struct options *options, struct patchfile *patch)
{
	int err = patchfile_open(patch, options->file);

	return err == -ENOENT ? -ENOEXEC : err;
}

static int write_state(struct session *session, uint64_t address, enum record_state state)
{
	uint32_t word = state;

	return target_write_small(&session->target,
				  address + offsetof(struct record_head, state), &word,
				  sizeof(word));
}

static int write_places(struct session *session)
{
	int err = plan_verify(&session->plan, &session->target);

	for (size_t i = 0; i < session->plan.n_places && err == 0; i++) {
		const struct place *place = &session->plan.places[i];

		err = target_write_small(&session->target, place->address, place->want,
					 place->size);
	}
	return err;
}

static int stop_at_safe_point(struct session *session, const struct options *options)
{
	return safepoint_reach(&session->target, session->plan.unwinder, session->plan.ranges,
			       session->plan.n_ranges, &options->limits, &session->report);
}

/* All threads go on, untraced; the runners first. */
static int resume(struct session *session)
{
	int err = target_detach_all(&session->target);

	if (session->resumed == 0)
		session->resumed = now_ns();
	return err;
}

static void say_pause(const struct session *session)
{
	const struct safepoint_report *report = &session->report;

	if (report->first_runner != 0)
		say("%d: running threads stood for less than %.3f ms", session->target.pid,
		    (double)(session->resumed - report->first_runner) / 1e6);
	say("%d: no thread was held longer than %.3f ms (%zu threads, %zu frames, %u attempt%s)",
	    session->target.pid, (double)(session->resumed - report->first_stop) / 1e6,
	    report->threads, report->frames, report->attempts, report->attempts == 1 ? "" : "s");
}

static void format_id(const struct record_head *head, char text[2 * BUILD_ID_MAX + 1])
{
	build_id_format(head->patch_id, head->patch_id_size, text);
}

/* ---- patch ---- */

static int find_object(struct session *session, const struct patchfile *patch,
		       const struct object **object)
{
	const struct vz_object *want = &patch->meta.target;
	const struct arch *arch = session->target.arch;
	char id[2 * BUILD_ID_MAX + 1];
	size_t more;
	int err;

	if (want->machine != arch->elf_machine || want->elf_class != arch->elf_class)
		return fail(ESTALE, "%s: is a process for %s, but the patch %s is for %s",
			    target_name(&session->target), arch->name, patch->path,
			    arch_describe((uint8_t)want->elf_class, (uint16_t)want->machine));
	err = objects_read(&session->objects, &session->target);
	if (err != 0)
		return err;
	*object = objects_find(&session->objects, want->build_id.data,
			       (size_t)want->build_id.size, &more);
	build_id_format(want->build_id.data, (size_t)want->build_id.size, id);
	if (*object == NULL)
		return fail(ESTALE, "%s: has no object with build-id %s: %s is a patch for another"
			    " build of %s", target_name(&session->target), id, patch->path,
			    want->name);
	if (more > 0)
		return fail(ESTALE, "%s: has %s loaded %zu times", target_name(&session->target),
			    want->name, more + 1);
	return 0;
}

static int refuse_applied(const struct session *session, const struct patchfile *patch)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct record *record = records_find(&session->records, id->data, (size_t)id->size);

	if (record == NULL)
		return 0;
	if (record->head->state == RECORD_APPLIED)
		return fail(EEXIST, "%s: %s is applied already", target_name(&session->target),
			    patch->path);
	return fail(EBUSY, "%s: an earlier run of nsb was ended while it worked on %s: patch or revert"
		    " takes back what it did", target_name(&session->target), patch->path);
}

static int plan_patch(struct session *session, const struct patchfile *patch)
{
	const struct object *object = NULL;
	int err = find_object(session, patch, &object);

	if (err == 0)
		err = refuse_applied(session, patch);
	if (err == 0)
		err = plan_apply(&session->plan, &session->target, &session->objects, object,
				 &session->records, patch);
	if (err == 0)
		err = plan_verify(&session->plan, &session->target);
	if (err == 0)
		say("%d: %zu functions of %s, %" PRIu64 " bytes at 0x%" PRIx64,
		    session->target.pid, patch->meta.n_funcs, object_name(object),
		    session->plan.mapped, session->plan.address);
	return err;
}

static int switch_on(struct session *session)
{
	int err = write_places(session);

	if (err == 0)
		err = write_state(session, session->plan.address, RECORD_APPLIED);
	if (err == 0)
		target_commit(&session->target);
	return err;
}

/*
 * Memory that an nsb had mapped when it was killed, and that is no patch yet: the
 * record's page loses its execute right last.  No jump leads there.
 */
static bool is_unrecorded(const struct session *session, uint64_t address)
{
	static const uint8_t zero[sizeof(RECORD_MAGIC) - 1];
	const struct mapping *m = maps_find(&session->target.maps, address);
	uint8_t found[sizeof(zero)];

	return address != 0 && m != NULL && m->start == address && m->inode == 0 &&
	       m->prot == (PROT_READ | PROT_EXEC) &&
	       target_read(&session->target, address, found, sizeof(found)) == 0 &&
	       (memcmp(found, zero, sizeof(zero)) == 0 ||
		memcmp(found, RECORD_MAGIC, sizeof(found)) == 0);
}

/* The parasite itself goes with the next call. */
static int sweep_remains(struct session *session)
{
	uint64_t address, size;
	int err;

	if (!remote_find_remains(&session->target, &address, &size))
		return 0;
	err = remote_await_return(&session->target);
	if (err != 0 || !is_unrecorded(session, address))
		return err;
	say("%d: unmapping what an nsb that was killed had left", session->target.pid);
	return remote_unmap(&session->target, address, size);
}

static int apply(struct session *session, const struct options *options)
{
	int err = target_seize(&session->target);

	if (err == 0 && !options->dry_run)
		err = sweep_remains(session);
	if (err == 0 && !options->dry_run)
		err = load_image(&session->target, &session->plan);
	if (err == 0)
		err = stop_at_safe_point(session, options);
	if (err == 0 && !options->dry_run)
		err = switch_on(session);
	if (err == 0 && options->dry_run)
		err = plan_verify(&session->plan, &session->target);
	if (err == 0)
		err = resume(session);
	if (err == 0)
		say_pause(session);
	return err;
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

/* ---- revert ---- */

static int find_record(struct session *session, const struct options *options,
		       const struct record **record)
{
	struct patchfile patch = { 0 };
	const uint8_t *id = options->id;
	size_t size = options->id_size;
	int err = 0;

	if (size == 0) {
		err = read_patch(options, &patch);
		id = patch.meta.patch.build_id.data;
		size = (size_t)patch.meta.patch.build_id.size;
	}
	if (err == 0) {
		*record = records_find(&session->records, id, size);
		if (*record == NULL) {
			char text[2 * BUILD_ID_MAX + 1];

			build_id_format(id, size, text);
			err = fail(ENOENT, "%s: the patch %s is not applied",
				   target_name(&session->target), text);
		}
	}
	patchfile_deinit(&patch);
	return err;
}

static bool may_be_handed_out(const struct record *record)
{
	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		if (record->funcs[i].flags & VZ_FUNC_ADDRESS_TAKEN)
			return true;
	}
	return false;
}

static int switch_off(struct session *session, const struct record *record)
{
	int err = write_state(session, record->head->address, RECORD_REVERTING);

	if (err == 0)
		err = write_places(session);
	if (err == 0 && may_be_handed_out(record))
		err = write_state(session, record->head->address, RECORD_KEPT);
	if (err == 0)
		target_commit(&session->target);
	return err;
}

/*
 * The runners go on before the memory goes: nothing can reach it any more.  They
 * stay traced, as one of them may have to unmap it, in a second, short stop.
 */
static int let_runners_go(struct session *session)
{
	struct target *target = &session->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		if (!target->threads[i].asleep)
			err = target_continue(target, &target->threads[i]);
	}
	session->resumed = now_ns();
	return err;
}

static int take_out(struct session *session, const struct options *options,
		    const struct record *record)
{
	int err = target_seize(&session->target);

	if (err == 0 && !options->dry_run)
		err = sweep_remains(session);
	if (err == 0)
		err = stop_at_safe_point(session, options);
	if (err == 0 && options->dry_run)
		return resume(session);
	if (err == 0)
		err = switch_off(session, record);
	if (err == 0)
		err = let_runners_go(session);
	if (err == 0 && !may_be_handed_out(record))
		err = remote_unmap(&session->target, session->plan.address,
				   session->plan.mapped);
	else if (err == 0)
		warn("%s: the memory of the patch stays: the address of one of its functions may be in"
		     " use", target_name(&session->target));
	if (err == 0)
		err = resume(session);
	if (err == 0)
		say_pause(session);
	return err;
}

static int revert_record(struct session *session, const struct options *options,
			 const struct record *record)
{
	int err = objects_read(&session->objects, &session->target);

	if (err == 0)
		err = plan_revert(&session->plan, &session->target, &session->objects,
				  &session->records, record);
	if (err == 0)
		err = plan_verify(&session->plan, &session->target);
	if (err == 0)
		err = take_out(session, options, record);
	return err;
}

/* Nothing is to be reverted, but there may be what is in no record. */
static int clean_up(struct session *session)
{
	uint64_t address, size;
	int err;

	if (!remote_find_remains(&session->target, &address, &size))
		return 0;
	err = target_seize(&session->target);
	if (err == 0)
		err = sweep_remains(session);
	if (err == 0 && remote_find_remains(&session->target, &address, &size))
		err = remote_remove_remains(&session->target);
	return err;
}

int command_revert(const struct options *options)
{
	struct session session;
	const struct record *record = NULL;
	char name[256] = "";
	int err = open_session(&session, options->pid, TARGET_CHANGE);

	if (err == 0)
		err = find_record(&session, options, &record);
	if (err == -ENOENT && !options->dry_run && clean_up(&session) != 0)
		say("%d: what an nsb that was killed had left is still there", options->pid);
	if (err == 0) {
		(void)snprintf(name, sizeof(name), "%s",
			       record_string(record, record->head->patch_name));
		err = revert_record(&session, options, record);
	}
	err = close_session(&session, err);
	if (err == 0)
		print_change(options, "reverted", name, &session.report, session.resumed);
	return err;
}

/* ---- patch, after an nsb that was killed ---- */

/* What it had begun with this patch is taken back, and the session opened anew. */
static int take_back(struct session *session, const struct options *options,
		     const struct patchfile *patch)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct record *record = records_find(&session->records, id->data, (size_t)id->size);
	int err;

	if (record == NULL || options->dry_run ||
	    (record->head->state != RECORD_LOADING && record->head->state != RECORD_REVERTING))
		return 0;
	say("%d: taking back what an nsb that was killed had begun", options->pid);
	err = close_session(session, revert_record(session, options, record));
	return err == 0 ? open_session(session, options->pid, TARGET_CHANGE) : err;
}

int command_patch(const struct options *options)
{
	struct session session = { 0 };
	struct patchfile patch = { 0 };
	int err = read_patch(options, &patch);

	if (err == 0) {
		err = open_session(&session, options->pid, TARGET_CHANGE);
		if (err == 0)
			err = take_back(&session, options, &patch);
		if (err == 0)
			err = plan_patch(&session, &patch);
		if (err == 0)
			err = apply(&session, options);
		err = close_session(&session, err);
	}
	if (err == 0)
		print_change(options, "applied", patch.meta.patch.name, &session.report,
			     session.resumed);
	patchfile_deinit(&patch);
	return err;
}

/* ---- list ---- */

static const char *state_name(uint32_t state)
{
	switch (state) {
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
	       when, state_name(head->state));
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
	       object_id, state_name(head->state), when, head->address, head->mapped);
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
	int err = open_session(&session, pid, TARGET_VIEW);

	if (err == 0)
		print_records(options, &session, printed);
	return close_session(&session, err);
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
	int err = open_session(&session, options->pid, TARGET_CHANGE);

	trial.dry_run = true;
	if (err == 0)
		err = plan_patch(&session, patch);
	if (err == 0)
		err = apply(&session, &trial);
	return close_session(&session, err);
}

static int is_applied(const struct options *options, const struct patchfile *patch)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct record *record;
	struct session session;
	int err = open_session(&session, options->pid, TARGET_VIEW);

	if (err == 0) {
		record = records_find(&session.records, id->data, (size_t)id->size);
		if (record == NULL || record->head->state != RECORD_APPLIED)
			err = -ENOENT;
	}
	return close_session(&session, err);
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
