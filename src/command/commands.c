/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all.h"
#include "budget.h"
#include "core.h"
#include "interrupt.h"
#include "job.h"
#include "json.h"
#include "log.h"
#include "permission.h"
#include "proc.h"
#include "progress.h"
#include "report.h"
#include "rollout.h"
#include "run.h"
#include "session.h"
#include "show.h"
#include "status.h"
#include "store.h"
#include "survey.h"
#include "text.h"
#include "trust.h"
#include "workers.h"

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

int job_read_patch(const struct options *options, const char *file, bool enters,
		      struct patchfile *patch)
{
	int fd, err = trust_open(file, enters && !options->insecure_file, &fd);

	if (err != 0)
		return err == -EACCES || err == -EPERM || err == -EKEYREJECTED ? err : -ENOEXEC;
	err = patchfile_read(patch, file, fd);
	return err == 0 ? allow_active(options, patch) : err;
}

static void work_deinit(struct job *job)
{
	patchfile_deinit(&job->patch);
	all_files_deinit(&job->files);
}

/*
 * How long a child may work on one process, in ms.  A command has to end within a second after
 * its --timeout.  The child gets 300 ms of that second, for what it does before and after it
 * looks for a safe point.  500 ms more are for an undo (UNDO_MS of workers.c), the rest is nsb's.
 */
unsigned job_item_ms(const struct options *options)
{
	return options->limits.timeout_ms + 300;
}

int job_list_others(pid_t **pids, size_t *count)
{
	size_t kept = 0;
	int err = proc_list(pids, count);

	for (size_t i = 0; err == 0 && i < *count; i++) {
		if ((*pids)[i] != getpid())
			(*pids)[kept++] = (*pids)[i];
	}
	*count = kept;
	return err;
}

/* Whether nsb does not even see the processes of others: /proc is mounted with hidepid=2, proc(5). */
static bool are_hidden(const struct options *options)
{
	return access("/proc/1", F_OK) != 0 && errno == ENOENT && (!options->by_user || options->uid != geteuid());
}

bool job_counts_forbidden(const struct options *options, size_t count)
{
	if (!permission_is_full())
		return count > 0 || are_hidden(options);
	if (count > 0)
		say("%zu processes could not be looked at: not even root is permitted to", count);
	return false;
}

int job_tell_forbidden(const struct options *options, size_t count)
{
	if (are_hidden(options))
		return fail(EPERM, "processes of other users are hidden (hidepid of /proc) and could not be looked at ("
			    PERMISSION_CURE "; --user leaves them out)");
	return fail(EPERM, "%zu processes could not be looked at: not permitted (" PERMISSION_CURE "; --user leaves out those"
		    " of other users)", count);
}

/* Whether a message begins with the number of the process. */
static bool names_process(const char *message, pid_t pid)
{
	char *end;

	return strtol(message, &end, 10) == pid && (*end == ':' || *end == ' ');
}

static void take_reason(struct outcome *outcome)
{
	const char *message = msg_kept();

	/* An interrupt ends the command, and not what is done to one process. */
	if (message[0] == '\0' || outcome->err == -EINTR || names_process(message, outcome->pid))
		(void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", message);
	else
		(void)snprintf(outcome->reason, sizeof(outcome->reason), "%d (%s): %s", outcome->pid, outcome->comm,
			       message);
	text_clean(outcome->reason);
}

/* What fails when the time is over fails because of that: reads of the process fail then. */
static void look_at_time(struct outcome *outcome)
{
	int err = outcome->err;

	if (!interrupt_is_over() || err == 0 || err == -EUCLEAN || err == -EBUSY || err == -EEXIST || err == -ESRCH ||
	    err == -ENOENT)
		return;
	outcome->err = -EBUSY;
	(void)snprintf(outcome->reason, sizeof(outcome->reason), "%d (%s): its time is over (--timeout): nothing was"
		       " changed", outcome->pid, outcome->comm);
}

static void take_answer(struct outcome *outcome, const char *done)
{
	(void)snprintf(outcome->done, sizeof(outcome->done), "%s", done);
}

/* Close the session, and keep in *outcome what has to be told of it. */
static int conclude(struct session *session, int err, struct outcome *outcome)
{
	outcome->report = session->report;
	outcome->runner_ns = session->target.runner_ns;
	outcome->held_ns = session->target.held_ns;
	outcome->changed = err == 0;
	outcome->err = session_close(session, err);
	take_reason(outcome);
	return outcome->err;
}

/*
 * Open a process.  With --all, check once more that the command is for it: since it was chosen
 * it may have ended, and another process may have its number now.  From here on nsb would notice
 * that, as it has opened the memory of this one.
 */
static int open_process(const struct job *job, struct session *session, pid_t pid,
			enum target_access access_wanted)
{
	int err = session_open(session, pid, access_wanted);

	if (err == 0 && job->options->all && !all_is_still(&job->choice, pid))
		err = fail(ESRCH, "%d: has ended or called exec meanwhile", pid);
	return err;
}

/* ---- one process ---- */

int job_patch_one(const struct job *job, struct outcome *outcome)
{
	struct session session;
	int err = open_process(job, &session, outcome->pid, TARGET_CHANGE);

	if (err == 0)
		err = session_patch(&session, job->options, &job->patch);
	take_answer(outcome, "applied");
	return conclude(&session, err, outcome);
}

int job_revert_one(const struct job *job, struct outcome *outcome)
{
	struct session session;
	int err = open_process(job, &session, outcome->pid, TARGET_CHANGE);

	if (err == 0) {
		const struct record *record = records_find(&session.records, NULL, job->id,
							   job->id_size);

		if (record != NULL)
			(void)snprintf(outcome->patch, sizeof(outcome->patch), "%s",
				       record_string(record, record->head->patch_name));
		err = session_revert(&session, job->options, job->id, job->id_size);
	}
	take_answer(outcome, "reverted");
	return conclude(&session, err, outcome);
}

/* A probe comes after the patch, by file and offset, and the kernel executes what the file has there: into the jump. */
static void warn_of_probe(const struct session *session, const struct record *record)
{
	const char *name = session_find_probe(session, record);

	if (name != NULL)
		warn("%s: %s has a uprobe on the jump of %s, or had one: take it out, revert the patch and apply it"
		     " again; a call of %s may end the process", target_name(&session->target), name,
		     record_string(record, record->head->patch_name), name);
}

static int is_applied(const struct job *job, pid_t pid)
{
	struct session session;
	int err = open_process(job, &session, pid, TARGET_VIEW);

	if (err == 0)
		err = session_is_applied(&session, &job->patch);
	for (size_t i = 0; err == 0 && i < session.records.count; i++)
		warn_of_probe(&session, &session.records.all[i]);
	return session_close(&session, err);
}

/* Check whether the patch is applied.  If it is not, try all steps but the change itself. */
static int check_one(const struct job *job, struct outcome *outcome)
{
	struct options trial = *job->options;
	struct session session;
	int err = is_applied(job, outcome->pid);

	outcome->is_check = true;
	take_answer(outcome, "applied");
	outcome->err = err;
	take_reason(outcome);
	if (err != -ENOENT || msg_kept()[0] != '\0')
		return err;
	trial.dry_run = true;
	err = open_process(job, &session, outcome->pid, TARGET_CHANGE);
	if (err == 0)
		err = session_patch(&session, &trial, &job->patch);
	err = conclude(&session, err, outcome);
	if (err == -EINTR)
		return err;
	take_answer(outcome, err == 0 ? "not applied, can be applied now" :
					"not applied, cannot be applied now");
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
	err = job_read_patch(options, options->files[0], job->one != job_revert_one, &job->patch);
	if (err == 0) {
		job->id = job->patch.meta.patch.build_id.data;
		job->id_size = (size_t)job->patch.meta.patch.build_id.size;
	}
	return err;
}

/* Log what was done to a process, or tried.  Commands that only look are not logged. */
static void log_outcome(const struct job *job, const struct outcome *outcome)
{
	const struct log_entry entry = {
		.pid = outcome->pid, .comm = outcome->comm, .id = job->id, .id_size = job->id_size,
		.meta = job->patch.path != NULL ? &job->patch.meta : NULL, .patch = outcome->patch, .done = outcome->done,
		.err = outcome->err, .reason = outcome->reason,
	};

	if (!outcome->is_check)
		log_change(job->options, &entry);
}

/* ---- in a child ---- */

/* 1, 0 or -errno, if nsb may not look. */
static int has_record(const struct job *job, pid_t pid)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);
	bool found = err == 0 && records_find(&session.records, NULL, job->id,
					      job->id_size) != NULL;

	err = session_close(&session, err);
	if (err != 0) {
		debug("%s", msg_kept());
		msg_forget();
	}
	return permission_is_missing(err) ? err : found;
}

/*
 * Is the command for this process?  1, 0 or -errno.  revert is for a process that has the patch,
 * the other commands are for one that has loaded what the patch was made for.
 */
static int is_for(struct job *job, pid_t pid)
{
	int match = all_matches(&job->choice, &job->files, pid);
	struct proc_status status;

	/* The number of a process that has ended may be that of a thread now. */
	if (match == 1 && (proc_read_status(pid, &status) != 0 || status.tgid != pid))
		return 0;
	return match == 1 && job->one == job_revert_one ? has_record(job, pid) : match;
}

/* Work on one process, in a child: find out whether the command is for it, and carry it out. */
static void work_on(void *ctx, size_t item, void *result)
{
	struct job *job = ctx;
	struct outcome *outcome = result;
	int match = 1;

	outcome->pid = job->pids[item];
	proc_comm(outcome->pid, outcome->comm, sizeof(outcome->comm));
	if (job->options->all && !job->is_chosen)
		match = is_for(job, outcome->pid);
	if (match == 0)
		return;
	if (job->patch.path != NULL)
		(void)snprintf(outcome->patch, sizeof(outcome->patch), "%s",
			       job->patch.meta.patch.name);
	outcome->is_meant = !permission_is_missing(match);
	if (match == 1) {
		/* It may have ended when it is patched. */
		outcome->executed_by = job->options->all && job->one == job_patch_one ? all_executed_by(outcome->pid) : 0;
		(void)job->one(job, outcome);
		look_at_time(outcome);
	} else {
		outcome->err = match;
		take_reason(outcome);
	}
}

/* ---- ids that were shortened ---- */

#define SHORTENED 16u	/* bytes: an id of fewer may be the beginning of one */

/* A build-id, as a child prints it. */
struct found_id {
	uint8_t size, bytes[BUILD_ID_MAX];
};

/* Find patches whose build-id begins with job->id, in a child. */
static void find_ids(void *ctx, size_t item, void *result)
{
	const struct job *job = ctx;
	struct session session;
	int *answer = result, err = session_open(&session, job->pids[item], TARGET_VIEW);

	for (size_t i = 0; err == 0 && i < session.records.count; i++) {
		const struct record_head *head = session.records.all[i].head;
		struct found_id found = { .size = (uint8_t)head->patch_id_size };

		if (head->state == RECORD_KEPT || found.size < job->id_size || memcmp(head->patch_id, job->id, job->id_size) != 0)
			continue;
		memcpy(found.bytes, head->patch_id, found.size);
		(void)fwrite(&found, sizeof(found), 1, stdout);
	}
	*answer = session_close(&session, err);
}

static int found_error(const void *result)
{
	return *(const int *)result;
}

static void tell_ids(void *ctx, size_t item, enum item_fate fate, int detail, void *result, const char *text, size_t size)
{
	struct job *job = ctx;
	const size_t prefix = job->options->id_size;
	struct found_id found;

	(void)item;
	(void)fate;
	(void)detail;
	(void)result;
	for (; size >= sizeof(found); text += sizeof(found), size -= sizeof(found)) {
		memcpy(&found, text, sizeof(found));
		if (found.size > BUILD_ID_MAX || found.size < prefix || memcmp(found.bytes, job->options->id, prefix) != 0)
			continue;
		if (job->id != job->full_id) {
			memcpy(job->full_id, found.bytes, found.size);
			job->id = job->full_id;
			job->id_size = found.size;
		} else if (found.size != job->id_size || memcmp(found.bytes, job->id, found.size) != 0) {
			job->err = -EINVAL;
		}
	}
}

/* --id may have the beginning of a build-id, if the processes have only one patch whose id begins so. */
static int complete_id(struct job *job)
{
	const struct options *options = job->options;
	const struct workers workers = {
		.count = job->n_pids, .item_ms = job_item_ms(options), .memory = BUDGET_MEMORY,
		.more_memory = BUDGET_MORE_MEMORY, .rights = permission_to_view, .result_size = sizeof(int),
		.ctx = job, .work = find_ids, .error = found_error, .tell = tell_ids,
	};
	int err = workers_run(&workers);
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(options->id, options->id_size, id);
	return err == 0 && job->err != 0 ? fail(EINVAL, "%s: the build-ids of several patches begin so (give more of it)", id) :
	       err;
}

/* ---- what came of it ---- */

/*
 * A hostile process may have taken over the child that read it, so nsb does not trust what the
 * child answers: it ends the strings, and sets the process id to the one that the child was given.
 */
static void sanitize_outcome(const struct job *job, size_t item, struct outcome *outcome)
{
	outcome->pid = job->pids[item];
	outcome->comm[sizeof(outcome->comm) - 1] = '\0';
	outcome->patch[sizeof(outcome->patch) - 1] = '\0';
	outcome->done[sizeof(outcome->done) - 1] = '\0';
	outcome->reason[sizeof(outcome->reason) - 1] = '\0';
}

/*
 * If the child did not finish, its outcome is not valid: say instead what became of the work.
 * Example: "4242 (server): does not answer in time: given up".
 */
static void describe_fate(enum item_fate fate, int detail, struct outcome *outcome)
{
	if (fate == ITEM_DONE)
		return;
	outcome->changed = false;
	outcome->answers = false;
	switch (fate) {
	case ITEM_DONE:
		return;
	case ITEM_NOT_TRIED:
		outcome->err = -EINTR;
		outcome->reason[0] = '\0';
		return;
	case ITEM_LATE:
		outcome->err = -EBUSY;
		(void)snprintf(outcome->reason, sizeof(outcome->reason), "%d (%s): does not answer in time:"
			       " given up (nsb list tells what was done)", outcome->pid, outcome->comm);
		return;
	case ITEM_DIED:
		outcome->err = -EIO;
		(void)snprintf(outcome->reason, sizeof(outcome->reason), "%d (%s): the work on it was ended by"
			       " signal %d (nsb list tells what was done)", outcome->pid, outcome->comm,
			       detail);
	}
}

static void count_outcome(const struct options *options, struct tally *tally, const struct outcome *outcome)
{
	tally->found++;
	switch (outcome->err) {
	case 0:
		tally->done++;
		if (outcome->executed_by != 0 && tally->executed++ == 0) {
			tally->executed_pid = outcome->pid;
			tally->executed_by = outcome->executed_by;
		}
		return;
	case -EEXIST:
		tally->already++;
		return;
	case -EINTR:
		tally->interrupted = true;
		return;
	case -ESRCH:
		if (options->all) {
			tally->gone++;
			return;
		}
		/* fall through */
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
		return tally->passed_over == 0 && !tally->counts_forbidden ? 0 : -ECANCELED;
	return tally->done + tally->already == 0 ? tally->err : -ECANCELED;
}

void job_show_tally(const struct job *job, int err)
{
	const struct tally *tally = &job->tally;
	size_t untried = tally->found - tally->done - tally->already - tally->gone - tally->failed;
	const struct options *options = job->options;

	if (options->json) {
		json_number("found", tally->found);
		json_number("done", tally->done);
		json_number("already", tally->already);
		json_number("gone", tally->gone);
		json_number("failed", tally->failed);
		json_number("not_tried", untried);
		json_number("passed_over", tally->passed_over);
		json_number("taken_back", tally->taken_back);
		json_number("not_permitted", tally->forbidden);
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
		if (tally->taken_back > 0) {
			printf(", ");
			show_count(tally->taken_back, "taken back", true);
		}
		if (tally->passed_over > 0) {
			printf(", ");
			show_count(tally->passed_over, "passed over", true);
		}
		if (tally->counts_forbidden) {
			printf(", ");
			show_count(tally->forbidden, "not looked at", true);
		}
		if (tally->interrupted) {
			printf(", ");
			show_count(untried, "not tried", true);
		}
		printf("\n");
	}
}

static int refuse_none(const struct job *job)
{
	const struct vz_object *target = &job->patch.meta.target;
	char id[2 * BUILD_ID_MAX + 1];

	if (job->one == job_revert_one) {
		build_id_format(job->id, job->id_size, id);
		return fail(ENOENT, "no such process has the patch %s", id);
	}
	build_id_format(target->build_id.data, (size_t)target->build_id.size, id);
	return fail(ESRCH, "no such process has loaded %s with build-id %s", target->name, id);
}

/*
 * A daemon that executes its program anew for each connection goes on to do so, and what is executed is the file.  It is
 * known by a child that was begun so; where there is none at this moment, nobody knows.
 */
static void tell_executed(const struct tally *tally)
{
	char comm[32];

	if (tally->executed == 0)
		return;
	proc_comm(tally->executed_by, comm, sizeof(comm));
	warn("%d (%s) executes its own program anew, as it did for %d: those that it begins from now on are not patched"
	     " (install the fixed program, too, or start it by nsb run --follow)", tally->executed_by, comm,
	     tally->executed_pid);
}

/* The result of --all, with a message if it says more than the lines of the processes. */
int job_end(struct job *job)
{
	struct tally *tally = &job->tally;
	int err;

	tally->counts_forbidden = job_counts_forbidden(job->options, tally->forbidden);
	err = tally_err(tally);
	tell_executed(tally);
	if (job->options->all && tally->found + tally->passed_over == 0 && !tally->interrupted)
		return tally->counts_forbidden ? job_tell_forbidden(job->options, tally->forbidden) : refuse_none(job);
	if (tally->counts_forbidden) {
		(void)job_tell_forbidden(job->options, tally->forbidden);
		warn("%s", msg_kept());
		msg_forget();
	}
	return err;
}

bool job_has_ended(pid_t pid)
{
	return kill(pid, 0) == -1 && errno == ESRCH;
}

static void tell_one_of_many(struct job *job, struct outcome *outcome)
{
	struct tally *tally = &job->tally;

	if (!outcome->is_meant) {
		if (permission_is_missing(outcome->err)) {
			tally->forbidden += !job_has_ended(outcome->pid);
			debug("%s", outcome->reason);
		} else if (outcome->err != 0 && outcome->err != -EINTR && !job_has_ended(outcome->pid)) {
			tally->passed_over++;
			progress_clear(&job->progress);
			warn("%d (%s): does not answer: passed over", outcome->pid, outcome->comm);
		}
		tally->interrupted = tally->interrupted || outcome->err == -EINTR;
		return;
	}
	count_outcome(job->options, tally, outcome);
	if (outcome->err == 0 && job->done != NULL)
		job->done[job->n_done++] = outcome->pid;
	log_outcome(job, outcome);
	progress_clear(&job->progress);
	if (job->options->json)
		json_open(NULL, '{');
	show_outcome(job->options, outcome);
	if (job->options->json)
		json_close('}');
	(void)fflush(stdout);
	if (outcome->err != 0 && outcome->err != -EEXIST && (outcome->err != -ESRCH || !job->options->all) && !outcome->answers &&
	    outcome->reason[0] != '\0')
		warn("%s", outcome->reason);
}

static void tell_the_one(struct job *job, struct outcome *outcome)
{
	job->err = outcome->err;
	log_outcome(job, outcome);
	if (job->options->json)
		json_begin(job->command);
	show_outcome(job->options, outcome);
	if (job->options->json)
		json_end();
	/* If check has printed "not applied, cannot be applied now: ...", do not print the reason as an error, too. */
	if (outcome->err != 0 && outcome->reason[0] != '\0' && !outcome->answers)
		job->err = fail(-outcome->err, "%s", outcome->reason);
}

static void tell_outcome(void *ctx, size_t item, enum item_fate fate, int detail, void *result,
			 const char *text, size_t text_size)
{
	struct job *job = ctx;
	struct outcome *outcome = result;

	(void)text;
	(void)text_size;
	sanitize_outcome(job, item, outcome);
	describe_fate(fate, detail, outcome);
	if (fate == ITEM_NOT_TRIED && interrupt_check() != 0) {
		take_reason(outcome);
		msg_forget();
	}
	if (!job->options->many) {
		tell_the_one(job, outcome);
		return;
	}
	progress_show(&job->progress, item);
	tell_one_of_many(job, outcome);
}

static int outcome_error(const void *result)
{
	return ((const struct outcome *)result)->err;
}

int job_do_each(struct job *job)
{
	const struct workers workers = {
		.count = job->n_pids, .item_ms = job_item_ms(job->options),
		.memory = BUDGET_MEMORY + 8 * job->patch.size,
		.more_memory = BUDGET_MORE_MEMORY + 8 * job->patch.size, .rights = permission_to_change,
		.result_size = sizeof(struct outcome), .ctx = job, .work = work_on,
		.error = outcome_error, .tell = tell_outcome,
	};

	return workers_run(&workers);
}

static int on_one(struct job *job)
{
	int err = job_do_each(job);

	return err != 0 ? err : job->err;
}

/* Work on each process by itself.  If one cannot be patched, the others are patched all the same. */
static int on_all(struct job *job)
{
	const struct vz_object *target = &job->patch.meta.target;
	int err;

	job->choice = (struct choice){ .exe = job->options->exe, .by_user = job->options->by_user, .uid = job->options->uid };
	if (job->one != job_revert_one) {
		job->choice.build_id = target->build_id.data;
		job->choice.build_id_size = (size_t)target->build_id.size;
	}
	if (job->options->json) {
		json_begin(job->command);
		json_open("processes", '[');
	}
	progress_begin(&job->progress, job->n_pids, job->options->quiet);
	err = job_do_each(job);
	progress_clear(&job->progress);
	if (job->options->json)
		json_close(']');
	if (err == 0)
		err = job_end(job);
	job_show_tally(job, err);
	if (job->options->json)
		json_end();
	return err;
}

static int run_work(struct job *job)
{
	const struct options *options = job->options;
	pid_t *all = NULL;
	int err = work_init(job);

	job->pids = options->pids;
	job->n_pids = options->n_pids;
	if (err == 0 && options->all) {
		err = job_list_others(&all, &job->n_pids);
		job->pids = all;
	}
	if (err == 0 && job->id_size < SHORTENED && options->id_size > 0)
		err = complete_id(job);
	if (err == 0)
		err = options->all && rollout_is_wanted(options) ? rollout_patch(job) : options->many ? on_all(job) : on_one(job);
	free(all);
	work_deinit(job);
	return err;
}

int command_patch(const struct options *options)
{
	struct job job = { .options = options, .command = "patch", .one = job_patch_one };

	return run_work(&job);
}

int command_revert(const struct options *options)
{
	struct job job = { .options = options, .command = "revert", .one = job_revert_one };

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
	const pid_t *pids;	/* every process of the host, or the one that -p names */
	size_t n_pids;
	struct all_files files;	/* what a child has learned of files; empty in nsb itself */
	pid_t *unpatched;	/* processes that have loaded the object, and no patch of it; room for n_pids */
	size_t n_unpatched, n_passed_over, n_forbidden, n_failed;
	int err;		/* -p: the error of the processes; without it: -EINTR if nsb was interrupted */
};

/* What a child answers for a process, besides the text that it prints. */
struct listed {
	bool is_meant;		/* the process is one that --exe, --user and --build-id ask for */
	bool is_patched;
	int err;
	char reason[MSG_MAX];
};

/* --build-id may have the beginning of one: all that begin so are listed. */
static bool is_shortened(const struct listing *listing)
{
	return listing->object_id == listing->options->object_id && listing->object_id_size < SHORTENED;
}

static bool is_wanted(const struct listing *listing, const struct record *record)
{
	const struct record_head *head = record->head;

	return listing->object_id_size == 0 ||
	       ((head->object_id_size == listing->object_id_size ||
		 (is_shortened(listing) && head->object_id_size > listing->object_id_size)) &&
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

static int list_one(const struct listing *listing, pid_t pid, bool *is_patched)
{
	struct session session;
	int err = session_open(&session, pid, TARGET_VIEW);

	if (err == 0 && session.records.count > 0)
		err = session_read_objects(&session);
	for (size_t i = 0; err == 0 && i < session.records.count; i++) {
		const struct record *record = &session.records.all[i];

		if (is_wanted(listing, record)) {
			show_record(listing->options, pid, record, path_of(listing, record));
			*is_patched = *is_patched || record_is_in_force(record);
			if (msg_verbosity > 0)
				warn_of_probe(&session, record);
		}
	}
	return session_close(&session, err);
}

/* List one process, in a child.  What the child prints comes to tell_listed(), and nsb prints it. */
static void list_item(void *ctx, size_t item, void *result)
{
	struct listing *listing = ctx;
	struct listed *listed = result;
	const struct options *options = listing->options;
	const struct choice choice = { options->exe, options->by_user, options->uid, listing->object_id,
				       listing->object_id_size, is_shortened(listing) };
	pid_t pid = listing->pids[item];
	int match = options->n_pids > 0 ? 1 : all_matches(&choice, &listing->files, pid);

	json_resume();
	listed->is_meant = match == 1;
	listed->err = match == 1 ? list_one(listing, pid, &listed->is_patched) : match;
	(void)snprintf(listed->reason, sizeof(listed->reason), "%s", msg_kept());
}

static void tell_listed(void *ctx, size_t item, enum item_fate fate, int detail, void *result,
			const char *text, size_t text_size)
{
	struct listing *listing = ctx;
	struct listed *listed = result;
	struct outcome outcome = { .pid = listing->pids[item] };

	listed->reason[sizeof(listed->reason) - 1] = '\0';
	if (listing->options->json)
		json_raw(text, text_size);
	else
		(void)fwrite(text, 1, text_size, stdout);
	if (fate != ITEM_DONE) {
		proc_comm(outcome.pid, outcome.comm, sizeof(outcome.comm));
		describe_fate(fate, detail, &outcome);
		listed->err = outcome.err;
		(void)snprintf(listed->reason, sizeof(listed->reason), "%s", outcome.reason);
	}
	if (listing->options->n_pids == 1) {
		listing->err = listed->err == 0 ? 0 : fail(-listed->err, "%s", listed->reason);
	} else if (listing->options->n_pids > 0) {
		if (listed->err == 0)
			return;
		warn("%s", listed->reason);
		listing->n_failed++;
		listing->err = listing->n_failed == listing->n_pids ? listed->err : -ECANCELED;
	} else if (fate == ITEM_NOT_TRIED || listed->err == -EINTR) {
		listing->err = -EINTR;
	} else if ((fate != ITEM_DONE || listed->err == -EBUSY) && !job_has_ended(outcome.pid)) {
		warn("%d (%s): does not answer: passed over", outcome.pid, outcome.comm);
		listing->n_passed_over++;
	} else if (listed->err != 0) {
		/* The process has ended meanwhile, or is a kernel thread, or nsb may not look at it. */
		listing->n_forbidden += permission_is_missing(listed->err) && !job_has_ended(outcome.pid);
		debug("%s", listed->reason);
	} else if (listed->is_meant && !listed->is_patched && listing->object_id_size > 0) {
		listing->unpatched[listing->n_unpatched++] = outcome.pid;
	}
}

/* Print the processes that have loaded the object and no patch of it: they are still to be patched. */
static void list_unpatched(const struct listing *listing)
{
	if (listing->options->json) {
		json_close(']');
		json_open("unpatched", '[');
	}
	for (size_t i = 0; i < listing->n_unpatched; i++) {
		char comm[32];

		proc_comm(listing->unpatched[i], comm, sizeof(comm));
		show_unpatched(listing->options, listing->unpatched[i], comm);
	}
}

static int listed_error(const void *result)
{
	return ((const struct listed *)result)->err;
}

static int list_each(struct listing *listing)
{
	const struct workers workers = {
		.count = listing->n_pids, .item_ms = job_item_ms(listing->options),
		.memory = BUDGET_MEMORY + 8 * listing->patch.size,
		.more_memory = BUDGET_MORE_MEMORY + 8 * listing->patch.size, .rights = permission_to_view,
		.result_size = sizeof(struct listed), .ctx = listing, .work = list_item,
		.error = listed_error, .tell = tell_listed,
	};
	int err;

	show_begin();
	err = workers_run(&workers);
	return err != 0 ? err : listing->err;
}

static int list_all(struct listing *listing)
{
	pid_t *pids;
	int err = job_list_others(&pids, &listing->n_pids);

	if (err != 0)
		return err;
	listing->pids = pids;
	listing->unpatched = calloc(listing->n_pids + 1, sizeof(pid_t));
	err = listing->unpatched == NULL ? fail(ENOMEM, "out of memory") : list_each(listing);
	if (err == -EINTR)
		err = interrupt_check();
	if (err == 0) {
		list_unpatched(listing);
		if (job_counts_forbidden(listing->options, listing->n_forbidden))
			err = job_tell_forbidden(listing->options, listing->n_forbidden);
		if (listing->n_passed_over > 0)
			err = -ECANCELED;
	}
	free(listing->unpatched);
	free(pids);
	return err;
}

static int listing_init(struct listing *listing)
{
	const struct options *options = listing->options;
	int err = options->n_files == 0 ? 0 : job_read_patch(options, options->files[0], false, &listing->patch);

	listing->object_id = options->object_id;
	listing->object_id_size = options->object_id_size;
	if (err == 0 && options->n_files > 0) {
		listing->object_id = listing->patch.meta.target.build_id.data;
		listing->object_id_size = (size_t)listing->patch.meta.target.build_id.size;
	}
	return err;
}

/* list --object: each build of it, its processes and its patches. */
static int list_object(const struct options *options)
{
	struct survey survey = { .options = options, .object = options->object };
	int err = survey_run(&survey);

	if (err == 0)
		err = report_objects(&survey);
	survey_deinit(&survey);
	return err;
}

int command_list(const struct options *options)
{
	struct listing listing = { .options = options };
	int err;

	if (options->core != NULL)
		return core_list(options);
	if (options->object != NULL)
		return list_object(options);
	err = listing_init(&listing);
	if (err != 0)
		return err;
	if (options->json) {
		json_begin("list");
		json_open("patches", '[');
	}
	if (options->n_pids > 0) {
		listing.pids = options->pids;
		listing.n_pids = options->n_pids;
		err = list_each(&listing);
	} else {
		err = list_all(&listing);
	}
	if (options->json) {
		json_close(']');
		if (options->n_pids == 0)
			json_number("not_permitted", listing.n_forbidden);
		json_number("status", status_of(err));
		json_text("reason", err == 0 ? NULL : msg_kept());
		json_end();
	}
	patchfile_deinit(&listing.patch);
	all_files_deinit(&listing.files);
	return err;
}

/* ---- status ---- */

/* --cve: leave only the patches that name it, as a field or in a text. */
static int choose_cve(const char *cve, struct store *store)
{
	size_t kept = 0;

	for (size_t i = 0; i < store->count; i++) {
		struct patchfile *patch = &store->patches[i];
		const struct vzpatch *meta = &patch->meta;
		bool names = false;

		for (size_t k = 0; k < meta->n_comments && !names; k++) {
			const char *at = strstr(meta->comments[k].text, cve);

			/* CVE-2026-12 does not mean CVE-2026-1234. */
			names = at != NULL && (at[strlen(cve)] < '0' || at[strlen(cve)] > '9');
		}
		if (names)
			store_move(store, i, kept++);
		else
			patchfile_deinit(patch);
	}
	store->count = kept;
	return kept > 0 ? 0 : fail(ENOENT, "no patch here names %s", cve);
}

static int look_at_host(const struct options *options)
{
	struct survey survey = { .options = options };
	struct store store;
	int err = store_read_given(&store, options, false);

	if (err == 0 && options->cve != NULL)
		err = choose_cve(options->cve, &store);
	survey.patches = store.patches;
	survey.n_patches = store.count;
	survey.n_left_out = store.n_bad;
	if (err == 0)
		err = survey_run(&survey);
	if (err == 0 && options->monitor) {
		err = report_check(&survey);
	} else if (err == 0 && options->prometheus) {
		report_prometheus(&survey);
	} else if (err == 0) {
		err = report_status(&survey);
	}
	survey_deinit(&survey);
	store_deinit(&store);
	return err;
}

int command_status(const struct options *options)
{
	int err = look_at_host(options);

	/* Whatever keeps a monitor's plugin from its answer, it has an answer: one line, and status 3. */
	if (options->monitor && msg_kept()[0] != '\0') {
		printf("NSB UNKNOWN - %s\n", msg_kept());
		msg_forget();
		err = -EBUSY;
	}
	return err;
}

/* ---- run ---- */

int command_run(const struct options *options)
{
	struct patchfile patches[FILES_MAX] = { 0 };
	size_t n_patches = 0;
	int err = 0;

	while (n_patches < options->n_files && err == 0) {
		err = job_read_patch(options, options->files[n_patches], true, &patches[n_patches]);
		n_patches += err == 0;
	}
	if (err == 0)
		err = run_patched(options, patches, n_patches);
	for (size_t i = 0; i < n_patches; i++)
		patchfile_deinit(&patches[i]);
	return err;
}

/* ---- info ---- */

int command_info(const struct options *options)
{
	struct patchfile patch = { 0 };
	int err = job_read_patch(options, options->files[0], false, &patch);

	if (err == 0)
		show_patch(options, &patch);
	patchfile_deinit(&patch);
	return err;
}
