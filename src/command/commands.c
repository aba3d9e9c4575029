/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "progress.h"
#include "run.h"
#include "session.h"
#include "show.h"
#include "status.h"
#include "trust.h"

/* What patch, revert and check work with, for one process or for many. */
struct job {
	const struct options *options;
	const char *command;
	/* Do it to outcome->pid; returns outcome->err. */
	int (*one)(const struct job *job, struct outcome *outcome);
	struct patchfile patch;	/* zeroed if there is only an id */
	const uint8_t *id;	/* build-id of the patch */
	size_t id_size;
};

/* --allow-active sets the flag of a function that VZP_ALLOW_ACTIVE sets in the patch. */
static int allow_active(const struct options *options, struct patchfile *patch)
{
	for (size_t i = 0; i < options->allowed.count; i++) {
		const char *name = options->allowed.names[i];
		bool found = false;

		for (size_t k = 0; k < patch->meta.n_funcs; k++) {
			if (strcmp(patch->meta.funcs[k].name, name) != 0)
				continue;
			patch->meta.funcs[k].flags |= VZ_FUNC_ALLOW_ACTIVE;
			found = true;
		}
		if (!found)
			return fail(EINVAL, "%s: replaces no function %s, which --allow-active names",
				    patch->path, name);
	}
	return 0;
}

/*
 * Read the patch file.  `enters`: the patch is going to be loaded into a process, so it matters
 * who wrote it.  If the file cannot be opened the error is -ENOEXEC, a bad patch, since -ENOENT
 * means "not applied" to the commands; only if it is forbidden the error stays as it is.
 */
static int read_patch(const struct options *options, bool enters, struct patchfile *patch)
{
	int fd, err = trust_open(options->file, enters && !options->insecure_file, &fd);

	if (err != 0)
		return err == -EACCES || err == -EPERM || err == -EKEYREJECTED ? err : -ENOEXEC;
	err = patchfile_read(patch, options->file, fd);
	return err == 0 ? allow_active(options, patch) : err;
}

static void work_deinit(struct job *job)
{
	patchfile_deinit(&job->patch);
}

/* Close the session, and keep in *outcome what has to be told of it. */
static int conclude(struct session *session, int err, struct outcome *outcome)
{
	outcome->report = session->report;
	outcome->runner_ns = session->target.runner_ns;
	outcome->held_ns = session->target.held_ns;
	outcome->changed = err == 0;
	outcome->err = session_close(session, err);
	outcome->reason = msg_kept();
	return outcome->err;
}

/* ---- one process ---- */

static int patch_one(const struct job *job, struct outcome *outcome)
{
	struct session session;
	int err = session_open(&session, outcome->pid, TARGET_CHANGE);

	if (err == 0)
		err = session_patch(&session, job->options, &job->patch);
	outcome->done = "applied";
	return conclude(&session, err, outcome);
}

static int revert_one(const struct job *job, struct outcome *outcome)
{
	struct session session;
	int err = session_open(&session, outcome->pid, TARGET_CHANGE);

	if (err == 0) {
		const struct record *record = records_find(&session.records, NULL, job->id,
							   job->id_size);

		if (record != NULL)
			(void)snprintf(outcome->patch, sizeof(outcome->patch), "%s",
				       record_string(record, record->head->patch_name));
		err = session_revert(&session, job->options, job->id, job->id_size);
	}
	outcome->done = "reverted";
	return conclude(&session, err, outcome);
}

static int is_applied(const struct job *job, pid_t pid)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);

	if (err == 0)
		err = session_is_applied(&session, &job->patch);
	return session_close(&session, err);
}

/* Check whether the patch is applied.  If it is not, try all steps but the change itself. */
static int check_one(const struct job *job, struct outcome *outcome)
{
	struct options trial = *job->options;
	struct session session;
	int err = is_applied(job, outcome->pid);

	outcome->is_check = true;
	outcome->done = "applied";
	outcome->err = err;
	outcome->reason = msg_kept();
	if (err != -ENOENT || msg_kept()[0] != '\0')
		return err;
	trial.dry_run = true;
	err = session_open(&session, outcome->pid, TARGET_CHANGE);
	if (err == 0)
		err = session_patch(&session, &trial, &job->patch);
	err = conclude(&session, err, outcome);
	if (err == -EINTR)
		return err;
	outcome->done = err == 0 ? "not applied, can be applied now" :
				   "not applied, cannot be applied now";
	outcome->answers = true;
	if (err != -EUCLEAN)
		outcome->err = -ENOENT;
	return outcome->err;
}

static int work_init(struct job *job)
{
	const struct options *options = job->options;
	int err;

	if (options->id_size > 0) {
		job->id = options->id;
		job->id_size = options->id_size;
		return 0;
	}
	err = read_patch(options, job->one != revert_one, &job->patch);
	if (err == 0) {
		job->id = job->patch.meta.patch.build_id.data;
		job->id_size = (size_t)job->patch.meta.patch.build_id.size;
	}
	return err;
}

/* Log what was done to a process, or tried.  Commands that only look are not logged. */
static void log_outcome(const struct job *job, const struct outcome *outcome)
{
	char id[2 * BUILD_ID_MAX + 1];

	if (!job->options->syslog || job->options->dry_run || outcome->is_check)
		return;
	build_id_format(job->id, job->id_size, id);
	if (outcome->err == 0)
		log_line(false, "%d (%s): patch %s %s %s, by user %u", outcome->pid, outcome->comm,
			 outcome->patch, id, outcome->done, getuid());
	else
		log_line(true, "%d (%s): patch %s %s not %s, by user %u: %s", outcome->pid,
			 outcome->comm, outcome->patch, id, outcome->done, getuid(),
			 outcome->reason);
}

static int do_one(const struct job *job, pid_t pid, struct outcome *outcome)
{
	*outcome = (struct outcome){ .pid = pid, .done = "", .reason = "" };
	proc_comm(pid, outcome->comm, sizeof(outcome->comm));
	if (job->patch.path != NULL)
		(void)snprintf(outcome->patch, sizeof(outcome->patch), "%s",
			       job->patch.meta.patch.name);
	(void)job->one(job, outcome);
	log_outcome(job, outcome);
	return outcome->err;
}

static int on_one(const struct job *job)
{
	const struct options *options = job->options;
	struct outcome outcome;
	int err = do_one(job, options->pid, &outcome);

	if (options->json) {
		json_begin(job->command);
		show_outcome(options, &outcome);
		json_end();
	} else {
		show_outcome(options, &outcome);
	}
	/* What check has answered is no error to be told once more. */
	if (outcome.answers)
		msg_forget();
	return err;
}

/* ---- many processes ---- */

/* How it went; `err` is the failure of all that failed, or -EINVAL if they differ. */
struct tally {
	size_t found, done, already, gone, failed;
	bool damaged, interrupted;
	int err;
};

static void count_outcome(struct tally *tally, const struct outcome *outcome)
{
	switch (outcome->err) {
	case 0:
		tally->done++;
		return;
	case -EEXIST:
		tally->already++;
		return;
	case -ESRCH:
		tally->gone++;
		return;
	case -EINTR:
		tally->interrupted = true;
		return;
	default:
		tally->damaged = tally->damaged || outcome->err == -EUCLEAN;
		tally->err = tally->failed == 0 || tally->err == outcome->err ? outcome->err : -EINVAL;
		tally->failed++;
	}
}

static int tally_err(const struct tally *tally)
{
	if (tally->damaged)
		return -EUCLEAN;
	if (tally->interrupted)
		return -EINTR;
	if (tally->failed == 0)
		return 0;
	return tally->done + tally->already == 0 ? tally->err : -ECANCELED;
}

/* An interrupt leaves them; the one that it came to is undone. */
static size_t count_untried(const struct tally *tally)
{
	return tally->found - tally->done - tally->already - tally->gone - tally->failed;
}

static void show_tally(const struct job *job, const struct tally *tally, int err)
{
	const struct options *options = job->options;

	if (options->json) {
		json_number("found", tally->found);
		json_number("done", tally->done);
		json_number("already", tally->already);
		json_number("gone", tally->gone);
		json_number("failed", tally->failed);
		json_number("not_tried", count_untried(tally));
		json_number("status", status_of(err));
		json_text("result", status_name(status_of(err)));
	} else if (!options->quiet) {
		printf("%zu processes: ", tally->found);
		show_count(tally->done, "done", false);
		printf(", ");
		if (tally->already > 0) {
			show_count(tally->already, "had it already", false);
			printf(", ");
		}
		if (tally->gone > 0) {
			show_count(tally->gone, "ended meanwhile", false);
			printf(", ");
		}
		show_count(tally->failed, "failed", true);
		if (tally->interrupted) {
			printf(", ");
			show_count(count_untried(tally), "not tried", true);
		}
		printf("\n");
	}
}

static bool has_record(const struct job *job, pid_t pid)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);
	bool found = err == 0 && records_find(&session.records, NULL, job->id,
					      job->id_size) != NULL;

	if (session_close(&session, err) != 0) {
		debug("%s", msg_kept());
		msg_forget();
	}
	return found;
}

/* For revert those that have the patch, otherwise those that it could be for. */
static int find_processes(const struct job *job, pid_t **pids, size_t *count)
{
	const struct options *options = job->options;
	const struct vz_object *target = &job->patch.meta.target;
	struct choice choice = { options->exe, options->by_user, options->uid, NULL, 0 };
	size_t kept = 0;
	int err;

	if (job->one != revert_one) {
		choice.build_id = target->build_id.data;
		choice.build_id_size = (size_t)target->build_id.size;
	}
	err = all_choose(&choice, pids, count);
	if (err != 0 || job->one != revert_one)
		return err;
	for (size_t i = 0; i < *count; i++) {
		if (has_record(job, (*pids)[i]))
			(*pids)[kept++] = (*pids)[i];
	}
	*count = kept;
	return 0;
}

static int refuse_none(const struct job *job)
{
	const struct vz_object *target = &job->patch.meta.target;
	char id[2 * BUILD_ID_MAX + 1];

	if (job->one == revert_one) {
		build_id_format(job->id, job->id_size, id);
		return fail(ENOENT, "no such process has the patch %s", id);
	}
	build_id_format(target->build_id.data, (size_t)target->build_id.size, id);
	return fail(ESRCH, "no such process has loaded %s with build-id %s", target->name, id);
}

/* Each on its own: what fails in one does not keep it from the others. */
static void do_each(const struct job *job, const pid_t *pids, size_t count,
		    struct tally *tally)
{
	struct progress progress;

	progress_begin(&progress, count, job->options->quiet);
	for (size_t i = 0; i < count && !tally->interrupted; i++) {
		struct outcome outcome;

		progress_show(&progress, i);
		(void)do_one(job, pids[i], &outcome);
		count_outcome(tally, &outcome);
		progress_clear(&progress);
		if (job->options->json)
			json_open(NULL, '{');
		show_outcome(job->options, &outcome);
		if (job->options->json)
			json_close('}');
		(void)fflush(stdout);
		if (outcome.err != 0 && outcome.err != -EEXIST && outcome.err != -ESRCH &&
		    !outcome.answers)
			warn("%s", outcome.reason);
		msg_forget();
	}
}

static int on_all(const struct job *job)
{
	struct tally tally = { 0 };
	pid_t *pids;
	int err = find_processes(job, &pids, &tally.found);

	if (err != 0)
		return err;
	if (job->options->json) {
		json_begin(job->command);
		json_open("processes", '[');
	}
	do_each(job, pids, tally.found, &tally);
	if (job->options->json)
		json_close(']');
	err = tally.found == 0 ? refuse_none(job) : tally_err(&tally);
	show_tally(job, &tally, err);
	if (job->options->json)
		json_end();
	free(pids);
	return err;
}

static int run_work(struct job *job)
{
	int err = work_init(job);

	if (err == 0)
		err = job->options->all ? on_all(job) : on_one(job);
	work_deinit(job);
	return err;
}

int command_patch(const struct options *options)
{
	struct job job = { .options = options, .command = "patch", .one = patch_one };

	return run_work(&job);
}

int command_revert(const struct options *options)
{
	struct job job = { .options = options, .command = "revert", .one = revert_one };

	return run_work(&job);
}

int command_check(const struct options *options)
{
	struct job job = { .options = options, .command = "check", .one = check_one };

	return run_work(&job);
}

/* ---- list ---- */

/* What list looks for.  If there is an id, it lists only patches of the object with that id. */
struct listing {
	const struct options *options;
	struct patchfile patch;
	const uint8_t *object_id;
	size_t object_id_size;
};

static bool is_wanted(const struct listing *listing, const struct record *record)
{
	const struct record_head *head = record->head;

	return listing->object_id_size == 0 ||
	       (head->object_id_size == listing->object_id_size &&
		memcmp(head->object_id, listing->object_id, listing->object_id_size) == 0);
}

/* The path of the patch's file, which gdb needs.  It is known only for the patch that was named. */
static const char *path_of(const struct listing *listing, const struct record *record)
{
	const struct vz_blob *id = &listing->patch.meta.patch.build_id;

	return listing->patch.path != NULL && id->size == record->head->patch_id_size &&
	       memcmp(id->data, record->head->patch_id, (size_t)id->size) == 0 ?
	       listing->patch.path : NULL;
}

static int list_one(const struct listing *listing, pid_t pid, size_t *shown)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);

	if (err == 0 && session.records.count > 0)
		err = session_read_objects(&session);
	for (size_t i = 0; err == 0 && i < session.records.count; i++) {
		const struct record *record = &session.records.all[i];

		if (is_wanted(listing, record)) {
			show_record(listing->options, pid, record, path_of(listing, record));
			*shown += 1;
		}
	}
	return session_close(&session, err);
}

/* Those that have the object but no patch of it are what an administrator looks for. */
static void list_unpatched(const struct listing *listing, pid_t pid)
{
	char comm[32];

	proc_comm(pid, comm, sizeof(comm));
	show_unpatched(listing->options, pid, comm);
}

/* Processes that end meanwhile, kernel threads and those of others are passed over. */
static int list_all(const struct listing *listing)
{
	const struct options *options = listing->options;
	struct choice choice = { options->exe, options->by_user, options->uid,
				 listing->object_id, listing->object_id_size };
	pid_t *pids;
	size_t count, n_unpatched = 0;
	int err = all_choose(&choice, &pids, &count);

	if (err != 0)
		return err;
	for (size_t i = 0; i < count; i++) {
		size_t shown = 0;

		if (list_one(listing, pids[i], &shown) != 0) {
			debug("%s", msg_kept());
			msg_forget();
		} else if (shown == 0 && listing->object_id_size > 0) {
			pids[n_unpatched++] = pids[i];
		}
	}
	if (options->json) {
		json_close(']');
		json_open("unpatched", '[');
	}
	for (size_t i = 0; i < n_unpatched; i++)
		list_unpatched(listing, pids[i]);
	free(pids);
	return 0;
}

static int listing_init(struct listing *listing)
{
	const struct options *options = listing->options;
	int err = options->file == NULL ? 0 : read_patch(options, false, &listing->patch);

	listing->object_id = options->object_id;
	listing->object_id_size = options->object_id_size;
	if (err == 0 && options->file != NULL) {
		listing->object_id = listing->patch.meta.target.build_id.data;
		listing->object_id_size = (size_t)listing->patch.meta.target.build_id.size;
	}
	return err;
}

int command_list(const struct options *options)
{
	struct listing listing = { .options = options };
	size_t shown = 0;
	int err = listing_init(&listing);

	if (err != 0)
		return err;
	if (options->json) {
		json_begin("list");
		json_open("patches", '[');
	}
	err = options->pid != 0 ? list_one(&listing, options->pid, &shown) : list_all(&listing);
	if (options->json) {
		json_close(']');
		json_number("status", status_of(err));
		json_text("reason", err == 0 ? NULL : msg_kept());
		json_end();
	}
	patchfile_deinit(&listing.patch);
	return err;
}

/* ---- run ---- */

int command_run(const struct options *options)
{
	struct patchfile patch = { 0 };
	int err = read_patch(options, true, &patch);

	if (err == 0)
		err = run_patched(options, &patch);
	patchfile_deinit(&patch);
	return err;
}

/* ---- info ---- */

int command_info(const struct options *options)
{
	struct patchfile patch = { 0 };
	int err = read_patch(options, false, &patch);

	if (err == 0)
		show_patch(options, &patch);
	patchfile_deinit(&patch);
	return err;
}
