/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rollout.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "interrupt.h"
#include "json.h"
#include "msg.h"
#include "proc.h"
#include "ptrace.h"
#include "survey.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define MS UINT64_C(1000000)
#define TICK_MS 20

/* The processes that were patched so far, and when each had begun. */
struct patched {
	pid_t *pids;
	unsigned long *since;
	size_t count;
};

bool rollout_is_wanted(const struct options *options)
{
	return options->canary > 0 || options->batch > 0 || options->probe != NULL || options->stop_on_failure ||
	       options->settle_ms > 0;
}

/* ---- do they live? ---- */

/* Keep a message, and return -EINVAL, if one of them has ended. */
static int look_alive(const struct job *job, const struct patched *patched)
{
	size_t n_ended = 0;
	pid_t first = 0;

	for (size_t i = 0; i < patched->count; i++) {
		if (proc_start_time(patched->pids[i]) == patched->since[i])
			continue;
		if (n_ended++ == 0)
			first = patched->pids[i];
	}
	if (n_ended == 0)
		return 0;
	return fail(EINVAL, "%s: %zu of the %zu processes that were patched have ended, %d the first of them",
		    job->patch.meta.patch.name, n_ended, patched->count, first);
}

/* Look at them until --settle is over.  -EINTR: nsb was interrupted. */
static int settle(const struct job *job, const struct patched *patched)
{
	const uint64_t until = now_ns() + job->options->settle_ms * MS;
	const struct timespec tick = { .tv_nsec = TICK_MS * (long)MS };
	int err = look_alive(job, patched);

	while (err == 0 && now_ns() < until) {
		(void)nanosleep(&tick, NULL);
		err = interrupt_check();
		if (err == 0)
			err = look_alive(job, patched);
	}
	return err;
}

static void be_probe(const char *command)
{
	(void)setpgid(0, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	/* What it says is for people, as all that is no answer. */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Wait for the probe until the time is over, or nsb is interrupted; then it is killed with all that it has begun. */
static int await_probe(const struct job *job, pid_t child, int *exit_status)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN };
	const uint64_t until = now_ns() + job->options->limits.timeout_ms * MS;
	int err = 0;

	while (end.fd != -1 && err == 0 && poll(&end, 1, TICK_MS) != 1) {
		err = interrupt_check();
		if (err == 0 && now_ns() >= until)
			err = fail(EINVAL, "%s: the probe does not end in time (--timeout)", job->patch.meta.patch.name);
	}
	if (err != 0)
		(void)kill(-child, SIGKILL);
	if (end.fd != -1)
		(void)close(end.fd);
	if (pt_reap(child, exit_status) != 0)
		*exit_status = -1;
	return err;
}

static int run_probe(const struct job *job)
{
	const char *command = job->options->probe;
	int exit_status = 0, err;
	pid_t child;

	if (command == NULL)
		return 0;
	(void)fflush(stdout);
	child = fork();
	if (child == 0)
		be_probe(command);
	if (child == -1)
		return fail(EINVAL, "cannot start the probe: %s", strerror(errno));
	(void)setpgid(child, child);
	err = await_probe(job, child, &exit_status);
	if (err == 0 && exit_status != 0)
		err = fail(EINVAL, "%s: the probe says no (%s %d): %s", job->patch.meta.patch.name,
			   exit_status < 0 ? "signal" : "status", exit_status < 0 ? -exit_status : exit_status, command);
	return err;
}

/* ---- groups ---- */

/* Take the patch out of all processes that live.  The reason why stays the message. */
static int take_back(struct job *job, const struct patched *patched)
{
	char reason[MSG_MAX];
	pid_t *living = calloc(patched->count + 1, sizeof(*living));
	struct job back = { .options = job->options, .command = "revert", .one = job_revert_one, .pids = living,
			    .patch = job->patch, .id = job->id, .id_size = job->id_size, .choice = job->choice, .is_chosen = true };
	int err;

	(void)snprintf(reason, sizeof(reason), "%s", msg_kept());
	msg_forget();
	if (living == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < patched->count; i++) {
		if (proc_start_time(patched->pids[i]) == patched->since[i])
			living[back.n_pids++] = patched->pids[i];
	}
	err = back.n_pids == 0 ? 0 : job_do_each(&back);
	free(living);
	job->tally.taken_back = back.tally.done;
	if (err != 0)
		return err;
	if (back.tally.failed > 0)
		return fail(ECANCELED, "%s: taken back, but for %zu processes that still have it (nsb list)", reason,
			    back.tally.failed);
	return fail(EINVAL, "%s: taken back, it is in none of them now", reason);
}

/* Patch one group, and look whether all that were patched so far live. */
static int patch_group(struct job *job, struct patched *patched, const pid_t *pids, size_t count)
{
	const size_t failed = job->tally.failed;
	unsigned long *since = calloc(count + 1, sizeof(*since));
	int err = since == NULL ? fail(ENOMEM, "out of memory") : 0;

	for (size_t i = 0; i < count && err == 0; i++)
		since[i] = proc_start_time(pids[i]);
	job->pids = pids;
	job->n_pids = count;
	job->done = patched->pids + patched->count;
	job->n_done = 0;
	if (err == 0)
		err = job_do_each(job);
	for (size_t i = 0; i < job->n_done; i++) {
		for (size_t k = 0; k < count; k++) {
			if (pids[k] == job->done[i])
				patched->since[patched->count + i] = since[k];
		}
	}
	patched->count += job->n_done;
	job->done = NULL;
	free(since);
	if (err == 0)
		err = settle(job, patched);
	if (err == 0 && patched->count > 0)
		err = run_probe(job);
	if (err == 0 && job->tally.failed > failed && job->options->stop_on_failure)
		err = fail(ECANCELED, "%s: not gone on with, as %zu processes could not be patched (--stop-on-failure)",
			   job->patch.meta.patch.name, job->tally.failed - failed);
	return err;
}

/*
 * The workers of a server come before their parent: it is they who do the work, and what a parent that was patched forks
 * has the patch, too, however few canaries there are to be.
 */
static int put_parents_last(const pid_t *pids, size_t count, pid_t **ordered)
{
	bool *is_parent = calloc(count + 1, sizeof(bool));
	size_t n = 0;

	*ordered = calloc(count + 1, sizeof(pid_t));
	for (size_t i = 0; i < count && is_parent != NULL && *ordered != NULL; i++) {
		const pid_t parent = proc_parent(pids[i]);

		for (size_t k = 0; k < count; k++)
			is_parent[k] = is_parent[k] || pids[k] == parent;
	}
	for (int pass = 0; pass < 2 && is_parent != NULL && *ordered != NULL; pass++) {
		for (size_t i = 0; i < count; i++) {
			if (is_parent[i] == (pass == 1))
				(*ordered)[n++] = pids[i];
		}
	}
	free(is_parent);
	return n == count ? 0 : fail(ENOMEM, "out of memory");
}

int rollout_groups(struct job *job)
{
	const struct options *options = job->options;
	pid_t *pids;
	const size_t count = job->n_pids;
	struct patched patched = { .pids = calloc(count + 1, sizeof(pid_t)), .since = calloc(count + 1, sizeof(unsigned long)) };
	int err = put_parents_last(job->pids, count, &pids);
	size_t group = options->canary > 0 ? options->canary : options->batch;

	if (err == 0 && (patched.pids == NULL || patched.since == NULL))
		err = fail(ENOMEM, "out of memory");
	job->is_chosen = true;
	for (size_t at = 0; at < count && err == 0; at += group) {
		if (at > 0)
			group = options->batch;
		if (group == 0 || group > count - at)
			group = count - at;
		err = patch_group(job, &patched, pids + at, group);
	}
	if (err == -EINVAL)
		err = take_back(job, &patched);
	free(pids);
	free(patched.pids);
	free(patched.since);
	return err;
}

/* ---- patch --all ---- */

int rollout_patch(struct job *job)
{
	const struct options *options = job->options;
	struct survey survey = { .options = options, .patches = &job->patch, .n_patches = 1 };
	int err = survey_run(&survey), result;
	pid_t *pids = calloc(survey.n_findings + 1, sizeof(*pids));

	job->n_pids = 0;
	for (size_t i = 0; i < survey.n_findings && pids != NULL; i++) {
		const struct survey_finding *finding = &survey.findings[i];

		if (finding->standing == STANDING_OTHER)
			continue;
		if (finding->standing == STANDING_PATCHED) {
			job->tally.found++;
			job->tally.already++;
		} else {
			pids[job->n_pids++] = finding->pid;
		}
	}
	job->tally.forbidden = survey.n_forbidden;
	job->tally.passed_over = survey.n_passed_over;
	job->pids = pids;
	job->choice = (struct choice){ .exe = options->exe, .by_user = options->by_user, .uid = options->uid };
	if (err == 0 && pids == NULL)
		err = fail(ENOMEM, "out of memory");
	if (err == 0 && options->json) {
		json_begin(job->command);
		json_open("processes", '[');
	}
	if (err == 0) {
		err = rollout_groups(job);
		if (options->json)
			json_close(']');
		if (err == -EINTR) {
			msg_forget();
			job->tally.interrupted = true;
			result = fail(EINTR, "ended by a signal: those that were patched stay so (nsb revert takes them back)");
		} else {
			result = err != 0 ? err : job_end(job);
		}
		job_show_tally(job, result);
		if (options->json) {
			json_text("reason", msg_kept()[0] == '\0' ? NULL : msg_kept());
			json_end();
		}
		err = result;
	}
	free(pids);
	survey_deinit(&survey);
	return err;
}
