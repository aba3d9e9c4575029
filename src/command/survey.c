/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "budget.h"
#include "commands.h"
#include "interrupt.h"
#include "job.h"
#include "permission.h"
#include "proc.h"
#include "text.h"
#include "verdict.h"
#include "workers.h"

/* What a child answers for a process, besides its findings, which are what it prints. */
struct surveyed {
	int err;
	char reason[MSG_MAX];
};

/* A child looks at a process. */
struct look {
	struct survey *survey;
	struct survey_finding finding;	/* what is the same in all findings of the process */
	bool *loaded;		/* for each patch: its target is loaded, */
	bool *deleted;		/* from a file that is gone */
	struct survey_finding *objects;	/* list --object: the builds that are loaded; owned */
	size_t n_objects;
	int err;
};

bool survey_is_same_thing(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/'), *so = strstr(name, ".so.");
	const char *base = slash == NULL ? path : slash + 1;
	/* Of libz.so.1.2.13 libz.so.1, as all builds with this interface have it. */
	size_t length = so == NULL ? strlen(name) : (size_t)(so - name) + 4 + strspn(so + 4, "0123456789");

	if (strncmp(base, name, length) != 0)
		return false;
	if (base[length] == '\0')
		return true;
	/* libz and libz.so mean all versions. */
	return base[length] == '.' && (so != NULL || strncmp(name, "lib", 3) == 0);
}

/* ---- in a child ---- */

static void say_finding(const struct survey_finding *finding)
{
	(void)fwrite(finding, sizeof(*finding), 1, stdout);
}

static void set_object(struct survey_finding *finding, const struct all_object *object)
{
	finding->inode = object->inode;
	finding->is_deleted = object->is_deleted;
	finding->id_size = (uint8_t)object->build_id_size;
	memcpy(finding->id, object->build_id, object->build_id_size);
	(void)snprintf(finding->path, sizeof(finding->path), "%s", object->path);
}

/* By its file's name, or by the name that programs ask for it with: libc-2.31.so is another build of libc.so.6. */
static bool is_build_of(const struct all_object *object, const char *name)
{
	return survey_is_same_thing(object->path, name) || survey_is_same_thing(object->soname, name);
}

static bool is_for(const struct patchfile *patch, const struct all_object *object)
{
	const struct vz_blob *id = &patch->meta.target.build_id;

	return id->size == object->build_id_size && memcmp(id->data, object->build_id, object->build_id_size) == 0;
}

/* The process has loaded this file: which patches are for it, and of which targets is it another build? */
static void look_at_object(void *ctx, const struct all_object *object)
{
	struct look *look = ctx;
	const struct survey *survey = look->survey;
	struct survey_finding finding = look->finding;
	bool has_patch = false;

	if (survey->object != NULL) {
		if (!is_build_of(object, survey->object) || look->err != 0)
			return;
		finding.standing = STANDING_LOADED;
		set_object(&finding, object);
		look->err = ARRAY_GROW(&look->objects, look->n_objects, 1);
		if (look->err == 0)
			look->objects[look->n_objects++] = finding;
		return;
	}
	for (size_t i = 0; i < survey->n_patches; i++) {
		if (!is_for(&survey->patches[i], object))
			continue;
		look->loaded[i] = has_patch = true;
		look->deleted[i] |= object->is_deleted;
	}
	for (size_t i = 0; i < survey->n_patches && !has_patch; i++) {
		if (!is_build_of(object, survey->patches[i].meta.target.name))
			continue;
		finding.patch = (uint32_t)i;
		finding.standing = STANDING_OTHER;
		set_object(&finding, object);
		say_finding(&finding);
		/* Patches for several builds of one thing: that this build has none is told once. */
		return;
	}
}

static void name_record(struct survey_finding *finding, const struct record *record)
{
	char id[2 * BUILD_ID_MAX + 1];

	build_id_format(record->head->patch_id, record->head->patch_id_size, id);
	(void)snprintf(finding->has, sizeof(finding->has), "%.12s %s", id, record_string(record, record->head->patch_name));
}

static int judge_patches(const struct look *look, struct session *session)
{
	const struct survey *survey = look->survey;
	struct survey_finding finding = look->finding;
	int err = 0;

	for (size_t i = 0; i < survey->n_patches && err == 0; i++) {
		const struct vz_blob *id = &survey->patches[i].meta.target.build_id;
		const struct record *other;
		enum judgement verdict;

		if (!look->loaded[i])
			continue;
		err = verdict_of(session, &survey->patches[i], &verdict, &other);
		if (err != 0)
			return err;
		finding.patch = (uint32_t)i;
		finding.standing = verdict == VERDICT_PATCHED ? STANDING_PATCHED :
				   verdict == VERDICT_OLDER ? STANDING_OLDER :
				   verdict == VERDICT_FORGED ? STANDING_FORGED : STANDING_UNPATCHED;
		finding.is_deleted = look->deleted[i];
		finding.id_size = (uint8_t)id->size;
		memcpy(finding.id, id->data, (size_t)id->size);
		finding.has[0] = '\0';
		if (verdict == VERDICT_OLDER)
			name_record(&finding, other);
		say_finding(&finding);
	}
	return err;
}

/* list --object: the patches of each build that is loaded. */
static int judge_objects(const struct look *look, struct session *session)
{
	int err = session->records.count > 0 ? session_read_objects(session) : 0;

	for (size_t i = 0; i < look->n_objects && err == 0; i++) {
		struct survey_finding finding = look->objects[i];

		for (size_t k = 0; k < session->records.count; k++) {
			const struct record *record = &session->records.all[k];

			if (!record_is_in_force(record) || record->head->object_id_size != finding.id_size ||
			    memcmp(record->head->object_id, finding.id, finding.id_size) != 0)
				continue;
			name_record(&finding, record);
			say_finding(&finding);
		}
		if (finding.has[0] == '\0')
			say_finding(&finding);
	}
	return err;
}

/* The process has loaded something that matters, and it cannot be read. */
static void say_unreadable(const struct look *look)
{
	struct survey_finding finding = look->finding;

	finding.standing = STANDING_UNREADABLE;
	for (size_t i = 0; i < look->n_objects; i++)
		say_finding(&look->objects[i]);
	for (size_t i = 0; i < look->survey->n_patches && look->survey->object == NULL; i++) {
		finding.patch = (uint32_t)i;
		if (look->loaded[i])
			say_finding(&finding);
	}
}

static int look_at_process(struct look *look)
{
	const struct survey *survey = look->survey;
	struct session session;
	bool matters = look->n_objects > 0;
	int err;

	for (size_t i = 0; i < survey->n_patches && survey->object == NULL; i++)
		matters = matters || look->loaded[i];
	if (!matters)
		return 0;
	err = session_open(&session, look->finding.pid, TARGET_VIEW);
	if (err == 0)
		err = survey->object != NULL ? judge_objects(look, &session) : judge_patches(look, &session);
	err = session_close(&session, err);
	if (err != 0 && err != -EINTR && err != -ESRCH)
		say_unreadable(look);
	return err;
}

static void survey_item(void *ctx, size_t item, void *result)
{
	struct survey *survey = ctx;
	struct surveyed *surveyed = result;
	const struct options *options = survey->options;
	const struct choice choice = { .exe = options->exe, .by_user = options->by_user, .uid = options->uid };
	struct look look = { .survey = survey, .finding.pid = survey->pids[item] };
	int match = all_matches(&choice, &survey->files, look.finding.pid);

	proc_comm(look.finding.pid, look.finding.comm, sizeof(look.finding.comm));
	look.loaded = calloc(survey->n_patches + 1, sizeof(bool));
	look.deleted = calloc(survey->n_patches + 1, sizeof(bool));
	if (look.loaded == NULL || look.deleted == NULL)
		surveyed->err = fail(ENOMEM, "out of memory");
	else if (match == 1)
		surveyed->err = all_each_object(&survey->files, look.finding.pid, look_at_object, &look);
	else
		surveyed->err = match;
	if (surveyed->err == 0)
		surveyed->err = look.err;
	/* Of a process of which nsb may not open all files something is known, and it counts as one that nsb may not look at. */
	if (match == 1 && (surveyed->err == 0 || permission_is_missing(surveyed->err))) {
		int err = look_at_process(&look);

		surveyed->err = err != 0 ? err : surveyed->err;
	}
	(void)snprintf(surveyed->reason, sizeof(surveyed->reason), "%s", msg_kept());
	free(look.loaded);
	free(look.deleted);
	free(look.objects);
}

/* ---- in nsb ---- */

/* A hostile process may have taken over the child that read it: what it found is made sound, and is of this process only. */
static void take_findings(struct survey *survey, pid_t pid, const char *text, size_t size)
{
	char comm[32];

	proc_comm(pid, comm, sizeof(comm));
	for (size_t at = 0; size - at >= sizeof(struct survey_finding); at += sizeof(struct survey_finding)) {
		struct survey_finding finding;

		memcpy(&finding, text + at, sizeof(finding));
		if (finding.standing >= STANDINGS || finding.patch >= survey->n_patches + (survey->object != NULL) ||
		    finding.id_size > BUILD_ID_MAX)
			continue;
		finding.pid = pid;
		memcpy(finding.comm, comm, sizeof(comm));
		finding.path[sizeof(finding.path) - 1] = '\0';
		finding.has[sizeof(finding.has) - 1] = '\0';
		if (ARRAY_GROW(&survey->findings, survey->n_findings, 1) != 0)
			survey->err = -ENOMEM;
		else
			survey->findings[survey->n_findings++] = finding;
	}
}

static void tell_surveyed(void *ctx, size_t item, enum item_fate fate, int detail, void *result,
			  const char *text, size_t text_size)
{
	struct survey *survey = ctx;
	struct surveyed *surveyed = result;
	const pid_t pid = survey->pids[item];

	(void)detail;
	surveyed->reason[sizeof(surveyed->reason) - 1] = '\0';
	if (fate == ITEM_NOT_TRIED || surveyed->err == -EINTR) {
		survey->err = -EINTR;
		return;
	}
	if (fate != ITEM_DONE || (surveyed->err != 0 && surveyed->err != -ESRCH)) {
		if (job_has_ended(pid))
			return;
		text_clean(surveyed->reason);
		if (fate == ITEM_DONE && permission_is_missing(surveyed->err))
			survey->n_forbidden++;
		else
			survey->n_passed_over += text_size == 0;	/* else it is found to be unreadable */
		debug("%d: %s", pid, fate == ITEM_DONE ? surveyed->reason : "does not answer");
	}
	take_findings(survey, pid, text, text_size);
}

static int surveyed_error(const void *result)
{
	return ((const struct surveyed *)result)->err;
}

int survey_run(struct survey *survey)
{
	size_t patches_size = 0;
	pid_t *pids = NULL;
	int err = survey->pids != NULL ? 0 : job_list_others(&pids, &survey->n_pids);
	struct workers workers = {
		.item_ms = job_item_ms(survey->options), .rights = permission_to_view, .result_size = sizeof(struct surveyed),
		.ctx = survey, .work = survey_item, .error = surveyed_error, .tell = tell_surveyed,
	};

	if (err != 0)
		return err;
	for (size_t i = 0; i < survey->n_patches; i++)
		patches_size += survey->patches[i].size;
	if (pids != NULL)
		survey->pids = pids;
	workers.count = survey->n_pids;
	workers.memory = BUDGET_MEMORY + 2 * patches_size;
	workers.more_memory = BUDGET_MORE_MEMORY + 2 * patches_size;
	err = workers_run(&workers);
	survey->pids = NULL;
	free(pids);
	if (err == 0 && survey->err == -EINTR)
		return interrupt_check();
	return err != 0 ? err : survey->err;
}

void survey_deinit(struct survey *survey)
{
	all_files_deinit(&survey->files);
	free(survey->findings);
	*survey = (struct survey){ 0 };
}
