/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "rollout.h"
#include "show.h"
#include "status.h"
#include "store.h"
#include "survey.h"

/* Add what came of one patch to the sums of all. */
static void add_tally(struct tally *sum, const struct tally *tally)
{
	sum->found += tally->found;
	sum->done += tally->done;
	sum->already += tally->already;
	sum->gone += tally->gone;
	sum->failed += tally->failed;
	sum->taken_back += tally->taken_back;
	sum->damaged = sum->damaged || tally->damaged;
	sum->interrupted = sum->interrupted || tally->interrupted;
}

/* Patch the processes that have not this patch. */
static int sync_patch(struct job *all, const struct survey *survey, size_t index, pid_t *pids)
{
	const struct patchfile *patch = &survey->patches[index];
	const struct options *options = all->options;
	struct job job = {
		.options = options, .command = all->command, .one = job_patch_one, .patch = *patch, .pids = pids,
		.id = patch->meta.patch.build_id.data, .id_size = (size_t)patch->meta.patch.build_id.size, .is_chosen = true,
		.choice = { .exe = options->exe, .by_user = options->by_user, .uid = options->uid },
	};
	int err;

	for (size_t i = 0; i < survey->n_findings; i++) {
		const struct survey_finding *finding = &survey->findings[i];

		if (finding->patch != index || finding->standing == STANDING_OTHER)
			continue;
		if (finding->standing == STANDING_PATCHED) {
			job.tally.found++;
			job.tally.already++;
		} else {
			pids[job.n_pids++] = finding->pid;
		}
	}
	err = rollout_is_wanted(options) ? rollout_groups(&job) : job.n_pids > 0 ? job_do_each(&job) : 0;
	add_tally(&all->tally, &job.tally);
	return err;
}

/* A patch that was taken back keeps the others from nothing. */
static int sync_patches(struct job *all, const struct survey *survey)
{
	pid_t *pids = calloc(survey->n_findings + 1, sizeof(*pids));
	int err = pids == NULL ? fail(ENOMEM, "out of memory") : 0;

	for (size_t i = 0; i < survey->n_patches && err == 0; i++) {
		err = sync_patch(all, survey, i, pids);
		all->tally.interrupted = all->tally.interrupted || err == -EINTR;
		if (err != -EINVAL && err != -ECANCELED)
			continue;
		warn("%s", msg_kept());
		msg_forget();
		all->tally.failed += all->tally.failed == 0;
		err = 0;
	}
	free(pids);
	return err;
}

static int result_of(const struct tally *tally, const struct survey *survey)
{
	if (tally->damaged)
		return -EUCLEAN;
	if (tally->interrupted)
		return -EINTR;
	if (tally->failed > 0 || survey->n_passed_over > 0 || survey->n_left_out > 0)
		return -ECANCELED;
	return job_counts_forbidden(survey->options, survey->n_forbidden) ?
	       job_tell_forbidden(survey->options, survey->n_forbidden) : 0;
}

int sync_some(const struct options *given, const struct store *store, const pid_t *pids, size_t n_pids, bool *is_done)
{
	struct options options = *given;
	struct job all = { .options = &options, .command = "watch" };
	struct survey survey = { .options = &options, .patches = store->patches, .n_patches = store->count, .pids = pids,
				 .n_pids = n_pids };
	int err;

	options.replace = options.all = options.many = true;
	err = survey_run(&survey);
	if (err == 0)
		err = sync_patches(&all, &survey);
	*is_done = err == 0 && all.tally.done + all.tally.already > 0 && all.tally.failed == 0;
	survey_deinit(&survey);
	return err;
}

int command_sync(const struct options *given)
{
	struct options options = *given;
	struct job all = { .options = &options, .command = "sync" };
	struct survey survey = { .options = &options };
	struct store store;
	int err;

	options.replace = options.all = options.many = true;
	err = store_read(&store, &options, true, true);
	survey.patches = store.patches;
	survey.n_patches = store.count;
	survey.n_left_out = store.n_bad;
	if (err == 0 && store.count > 0)
		err = survey_run(&survey);
	if (err == 0 && options.json) {
		json_begin("sync");
		json_open("processes", '[');
	}
	if (err == 0) {
		err = sync_patches(&all, &survey);
		if (options.json)
			json_close(']');
		if (err == 0)
			err = result_of(&all.tally, &survey);
		all.tally.forbidden = survey.n_forbidden;
		all.tally.passed_over = survey.n_passed_over;
		job_show_tally(&all, err);
		if (options.json) {
			json_number("left_out", survey.n_left_out);
			json_text("reason", msg_kept()[0] == '\0' ? NULL : msg_kept());
			json_end();
		}
	}
	survey_deinit(&survey);
	store_deinit(&store);
	return err;
}
