/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "array.h"
#include "clock.h"
#include "interrupt.h"
#include "load.h"
#include "page.h"
#include "redirect.h"
#include "remote.h"
#include "translator.h"

#define FRAIL_PART 2		/* the part of the timeout that frail calls are waited for: a half */
#define SEARCH_PART 2		/* the part of the timeout that the search for coroutines may take */
#define FRAIL_TICK_NS 10000000

/* ---- opening and closing ---- */

int session_open(struct session *session, pid_t pid, enum target_access access_wanted)
{
	int err;

	*session = (struct session){ .target = { .mem_fd = -1, .task_fd = -1 } };
	err = target_open(&session->target, pid, access_wanted);
	if (err == 0)
		err = records_read(&session->records, &session->target);
	return err;
}

/* Say that a call of the process came back other than it would have without nsb. */
static void tell_loss(const struct target *target)
{
	const struct call_loss *loss = &target->loss;
	char what[80], more[40] = "";

	if (loss->count == 0)
		return;
	if (loss->asked == 0)
		(void)snprintf(what, sizeof(what), "with EINTR");
	else
		(void)snprintf(what, sizeof(what), "short, after %" PRIu64 " of %" PRIu64 " bytes",
			       loss->done, loss->asked);
	if (loss->count > 1)
		(void)snprintf(more, sizeof(more), ", and %zu other calls", loss->count - 1);
	warn("%s: the stop interrupted %s in thread %d, which comes back %s%s", target_name(target),
	     loss->name, loss->tid, what, more);
}

/* If the undo fails, that is the error; if not, it is the first error, `err`. */
int session_close(struct session *session, int err)
{
	pid_t pid = session->target.pid;
	/* If the process has ended, that is why the command failed. */
	bool ended = err != 0 && pid != 0 && target_has_ended(&session->target);
	int closed;

	for (size_t i = 0; i < session->n_plans; i++)
		plan_deinit(&session->plans[i]);
	free(session->plans);
	session->plans = NULL;
	session->n_plans = session->n_new = 0;
	coroutines_deinit(&session->coroutines);
	objects_deinit(&session->objects);
	records_deinit(&session->records);
	tell_loss(&session->target);
	closed = target_close(&session->target);
	if (closed == 0 && ended) {
		msg_forget();
		err = fail(ESRCH, "%d: has ended or called exec meanwhile", pid);
	}
	return closed != 0 ? closed : err;
}

/* ---- steps ---- */

static int write_state(struct session *session, uint64_t address, enum record_state state)
{
	uint32_t word = state, old;
	int err;

	address += offsetof(struct record_head, state);
	err = target_read(&session->target, address, &old, sizeof(old));
	if (err != 0)
		return fail(EIO, "%s: cannot read memory at 0x%" PRIx64,
			    target_name(&session->target), address);
	return target_write_small(&session->target, address, &old, &word, sizeof(word));
}

static int write_edits(struct session *session, struct plan *plan)
{
	int err = plan_verify(plan, &session->target);

	for (size_t i = 0; i < plan->n_edits && err == 0; i++) {
		const struct edit *edit = &plan->edits[i];

		err = target_write_small(&session->target, edit->address, edit->found, edit->after,
					 edit->size);
	}
	return err;
}

/*
 * Some calls come back early if their thread is stopped, for example a write of 1 MB to a pipe.
 * Give those that threads sleep in half of the timeout to end by themselves; no thread is traced
 * yet.  If this took time, *waited is set, and all that was read of the process is old.
 */
static int await_frail_calls(struct session *session, const struct options *options, bool *waited)
{
	const struct timespec tick = { .tv_nsec = FRAIL_TICK_NS };
	struct target *target = &session->target;
	const uint64_t end = now_ns() + (uint64_t)options->limits.timeout_ms * 1000000 / FRAIL_PART;
	size_t count = 0;
	int err = target->is_own ? 0 : target_count_frail(target, false, &count);

	*waited = err == 0 && count > 0;
	if (*waited)
		say("%d: a stop would end the system calls of %zu threads early: waiting for them",
		    target->pid, count);
	while (err == 0 && count > 0 && now_ns() < end) {
		(void)nanosleep(&tick, NULL);
		err = interrupt_check();
		if (err == 0)
			err = target_count_frail(target, true, &count);
	}
	return err;
}

/*
 * Search for suspended coroutines.  No thread is traced yet: one that is waits for nsb when it gets a signal.  Where all
 * functions are allowed to be active, or none is replaced, no coroutine is in the way.
 */
static int find_coroutines(struct session *session, const struct options *options)
{
	const uint64_t end = now_ns() + (uint64_t)options->limits.timeout_ms * 1000000 / SEARCH_PART;

	return session->plans[0].n_ranges == 0 ? 0 :
	       coroutines_find(&session->coroutines, &session->target, &session->objects, end);
}

static int stop_at_safe_point(struct session *session, const struct options *options)
{
	struct plan *plan = &session->plans[0];
	const struct safepoint_request request = {
		.target = &session->target, .plan = plan, .records = &session->records,
		.objects = &session->objects, .coroutines = &session->coroutines, .ranges = plan->ranges,
		.n_ranges = plan->n_ranges, .limits = &options->limits,
	};
	int err = interrupt_check();

	if (err == 0)
		err = safepoint_reach(&request, &session->report);
	/* A leader that is another program's now stands there, too. */
	if (err == 0)
		err = target_check_same(&session->target);
	if (err == 0)
		err = interrupt_check();
	return err;
}

/* Whether the memory of a patch that is taken out stays in the process, all of it or its data. */
static bool stays(const struct session *session, const struct plan *plan)
{
	return plan->keeps_memory || plan->keeps_data || !session->coroutines.is_complete;
}

/* Tell which threads go on in the patch when a call of theirs returns; after a dry run, which would. */
static void tell_goers(const struct session *session, const struct options *options)
{
	const struct target *target = &session->target;

	for (size_t i = 0; i < target->n_threads; i++) {
		const struct thread *thread = &target->threads[i];

		if (thread->goes_on != NULL)
			(options->dry_run ? warn : say)("%d: thread %d %s in %s when its call returns", target->pid,
							thread->tid, options->dry_run ? "would go on" : "goes on",
							thread->goes_on);
	}
}

static void say_pause(const struct session *session)
{
	const struct safepoint_report *report = &session->report;
	const struct target *target = &session->target;

	if (target->runner_ns != 0)
		say("%d: no running thread stood longer than %.3f ms", target->pid,
		    (double)target->runner_ns / 1e6);
	say("%d: no thread was held longer than %.3f ms (%zu thread%s, %zu frames, %u attempt%s)",
	    target->pid, (double)target->held_ns / 1e6, report->threads, report->threads == 1 ? "" : "s",
	    report->frames, report->attempts, report->attempts == 1 ? "" : "s");
}

static int read_objects(struct session *session)
{
	int err;

	objects_deinit(&session->objects);
	err = objects_read(&session->objects, &session->target);
	return err != 0 ? err : plan_judge(&session->records, &session->objects, &session->target);
}

static bool has_untrue(const struct session *session)
{
	for (size_t i = 0; i < session->records.count; i++) {
		if (session->records.all[i].untrue != NULL)
			return true;
	}
	return false;
}

/*
 * Records that seem forged are read a second time: another nsb may have applied or reverted a
 * patch between the look at the records and that at the code.
 */
int session_read_objects(struct session *session)
{
	int err = read_objects(session);

	if (err != 0 || !has_untrue(session))
		return err;
	objects_deinit(&session->objects);
	records_deinit(&session->records);
	err = target_read_maps(&session->target);
	if (err == 0)
		err = records_read(&session->records, &session->target);
	return err != 0 ? err : read_objects(session);
}

/* Make room for one more plan.  NULL, with a message, if there is no memory. */
static struct plan *add_plan(struct session *session)
{
	if (ARRAY_GROW(&session->plans, session->n_plans, 1) != 0)
		return NULL;
	session->plans[session->n_plans] = (struct plan){ 0 };
	return &session->plans[session->n_plans++];
}

/* ---- patch ---- */

static int check_arch(const struct session *session, const struct patchfile *patch)
{
	const struct vz_object *want = &patch->meta.target;
	const struct arch *arch = session->target.arch;

	if (want->machine != arch->elf_machine || want->elf_class != arch->elf_class)
		return fail(ESTALE, "%s: is a process for %s, but the patch %s is for %s",
			    target_name(&session->target), arch->name, patch->path,
			    arch_describe((uint8_t)want->elf_class, (uint16_t)want->machine));
	return 0;
}

/* The next instance of the target object behind `after`: dlmopen(3) may load a library several times. */
static const struct object *next_instance(const struct session *session,
					  const struct patchfile *patch,
					  const struct object *after)
{
	const struct vz_blob *id = &patch->meta.target.build_id;

	return objects_find(&session->objects, after, id->data, (size_t)id->size);
}

/* The record of the patch for this instance of the object, or NULL. */
static const struct record *find_record_of(const struct session *session,
					   const struct patchfile *patch,
					   const struct object *object)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct record *record = NULL;

	do {
		record = records_find(&session->records, record, id->data, (size_t)id->size);
	} while (record != NULL &&
		 (record->is_gone || record->untrue != NULL || record->head->object_base != object->elf.lo));
	return record;
}

/* The state of that name in another record; NULL if it has none. */
/* Is it room for what an older patch has, to be converted, and not state of the patch itself?  Then a byte more says that it is filled. */
static bool is_for_older(const struct record *record, const struct record_variable *state)
{
	return strncmp(record_string(record, state->type), STATE_WAS, strlen(STATE_WAS)) == 0;
}

static const struct record_variable *find_state(const struct record *record, const char *name)
{
	for (uint32_t i = 0; i < record->head->n_states; i++) {
		if (!is_for_older(record, &record->states[i]) && strcmp(record_string(record, record->states[i].name), name) == 0)
			return &record->states[i];
	}
	return NULL;
}

/* Where the newer patch wants what is in `state` of the older one; NULL: nowhere. */
static const struct record_variable *find_heir(const struct record *newer, const struct record *older,
					       const struct record_variable *state)
{
	for (uint32_t i = 0; i < newer->head->n_states; i++) {
		const struct record_variable *heir = &newer->states[i];
		const bool converts = is_for_older(newer, heir);
		const char *type = record_string(newer, heir->type) + (converts ? strlen(STATE_WAS) : 0);

		if (strcmp(record_string(newer, heir->name), record_string(older, state->name)) == 0 &&
		    heir->size == state->size + converts && strcmp(type, record_string(older, state->type)) == 0)
			return heir;
	}
	return NULL;
}

/* For --replace: what the older patch has of state must be the same in the newer one.  Tell what that does not take over. */
static int compare_states(const struct session *session, const struct record *older, const struct record *newer)
{
	const char *process = target_name(&session->target), *patch = record_string(older, older->head->patch_name);

	for (uint32_t i = 0; i < older->head->n_states; i++) {
		const struct record_variable *state = &older->states[i], *heir;
		const char *name = record_string(older, state->name), *type = record_string(older, state->type);

		if (is_for_older(older, state) || find_heir(newer, older, state) != NULL)
			continue;
		heir = find_state(newer, name);
		if (heir == NULL)
			warn("%s: the new patch has no VZP_STATE of %s, which goes with %s", process, name, patch);
		else
			return fail(EINVAL, "%s: the state %s of %s is %s, %" PRIu64 " bytes, and that of the new patch %s, %" PRIu64
				    " bytes: it cannot be taken over (VZP_STATE_WAS converts it)", process,
				    name, patch, type, state->size, record_string(newer, heir->type), heir->size);
	}
	return 0;
}

/* For --replace: plan to take out the patches that were applied to this instance before. */
static int plan_older(struct session *session, const struct options *options,
		      const struct object *object, size_t successor)
{
	int err = 0;

	for (size_t i = 0; i < session->records.count && err == 0; i++) {
		struct record *record = &session->records.all[i];
		struct plan *plan;

		if (record->is_gone || record->untrue != NULL || record->head->state == RECORD_KEPT ||
		    record->head->object_base != object->elf.lo)
			continue;
		if (record->head->state != RECORD_APPLIED)
			return fail(EBUSY, "%s: an earlier run of nsb was ended while it worked on %s:"
				    " revert that one first", target_name(&session->target),
				    record_string(record, record->head->patch_name));
		plan = add_plan(session);
		err = plan == NULL ? -ENOMEM :
		      plan_retire(plan, &session->target, &session->objects, &session->records,
				  record, &options->allowed, &session->plans[successor]);
		if (err == 0)
			err = plan_join_ranges(&session->plans[0], plan);
		if (err == 0)
			say("%d: %s is to go", session->target.pid,
			    record_string(record, record->head->patch_name));
		if (err == 0)
			err = compare_states(session, record, &session->plans[successor].record);
		if (err == 0 && record_string(record, record->head->variables)[0] != '\0')
			warn("%s: the variables of %s go with it: those of the new patch begin anew (%s)",
			     target_name(&session->target), record_string(record, record->head->patch_name),
			     record_string(record, record->head->variables));
	}
	return err;
}

/* Refuse if an unwinder cannot be told of the patch: an exception in a frame that it does not know ends the process. */
static int check_exceptions(const struct session *session, const struct options *options,
			    const struct plan *plan)
{
	const struct record *record = &plan->record;

	if (!plan->guides.has_untold_unwinder || options->no_exceptions || record->head->n_funcs == 0)
		return 0;
	return fail(EINVAL, "%s: its unwinder cannot be told of %s: an exception that reaches the new"
		    " code would end the process (--no-exceptions if none can)",
		    target_name(&session->target), record_string(record, record->funcs[0].name));
}

static int plan_instance(struct session *session, const struct options *options,
			 const struct patchfile *patch, const struct object *object)
{
	const struct record *record = find_record_of(session, patch, object);
	struct plan *plan;
	int err;

	if (record == NULL) {
		err = translator_refuse(&session->objects, &session->target, object);
		if (err != 0)
			return err;
		plan = add_plan(session);
		err = plan == NULL ? -ENOMEM :
		      plan_apply(plan, &session->target, &session->objects, object,
				 &session->records, patch);
		if (err == 0)
			err = check_exceptions(session, options, plan);
		if (err == 0 && plan->kept == NULL)
			err = maps_reserve(&session->target.maps, plan->address, plan->mapped);
		if (err == 0 && session->n_plans > 1)
			err = plan_join(&session->plans[0], plan);
		if (err == 0)
			say("%d: %zu function%s of %s, %" PRIu64 " bytes at 0x%" PRIx64,
			    session->target.pid, patch->meta.n_funcs, patch->meta.n_funcs == 1 ? "" : "s",
			    object_name(object), plan->mapped, plan->address);
		return err;
	}
	if (record->head->state == RECORD_APPLIED)
		return 0;
	return fail(EBUSY, "%s: an earlier run of nsb was ended while it worked on %s: patch or revert"
		    " takes back what it did", target_name(&session->target), patch->path);
}

/* Plan to apply the patch to all instances of its object that do not have it yet. */
static int plan_patch(struct session *session, const struct options *options,
		      const struct patchfile *patch)
{
	const struct vz_object *want = &patch->meta.target;
	const struct object *object = NULL;
	char id[2 * BUILD_ID_MAX + 1];
	size_t found = 0;
	int err = check_arch(session, patch);

	if (err == 0)
		err = session_read_objects(session);
	while (err == 0 && (object = next_instance(session, patch, object)) != NULL) {
		err = plan_instance(session, options, patch, object);
		found++;
	}
	if (err != 0)
		return err;
	build_id_format(want->build_id.data, (size_t)want->build_id.size, id);
	if (found == 0)
		err = translator_refuse(&session->objects, &session->target, NULL);
	if (err != 0)
		return err;
	if (found == 0)
		return fail(ESTALE, "%s: has no object with build-id %s: %s is a patch for another"
			    " build of %s", target_name(&session->target), id, patch->path,
			    want->name);
	if (session->n_plans == 0)
		return fail(EEXIST, "%s: %s is applied already", target_name(&session->target),
			    patch->path);
	session->n_new = session->n_plans;
	err = redirect_in(&session->plans[0], session->plans, session->n_new, &session->target,
			     &session->records);
	while (err == 0 && options->replace &&
	       (object = next_instance(session, patch, object)) != NULL) {
		for (size_t i = 0; i < session->n_new && err == 0; i++) {
			if (session->plans[i].record.head->object_base == object->elf.lo)
				err = plan_older(session, options, object, i);
		}
	}
	if (err == 0 && session->n_plans > session->n_new)
		err = redirect_out(&session->plans[session->n_plans - 1], session->plans,
				      session->n_new, session->n_plans, &session->target,
				      &session->records);
	for (size_t i = 0; i < session->n_new && err == 0; i++)
		err = plan_check_passing(&session->plans[i], &session->records, &session->target);
	return err != 0 ? err : plan_verify(&session->plans[0], &session->target);
}

/* ---- hooks ---- */

/* Run the hooks of one kind of the patches that are being applied. */
static int run_hooks(struct session *session, enum vz_hook_kind kind)
{
	int err = 0;

	for (size_t i = 0; i < session->n_new && err == 0; i++)
		err = hooks_run(&session->target, &session->plans[i].record, kind, &session->hooks);
	return err;
}

/*
 * Note that a patch is being taken out, and that its hooks are to run.  Where an nsb that was killed had begun to
 * take it out, or had not applied it to the end, the record tells that already.
 */
static int begin_leaving(struct session *session, const struct plan *plan)
{
	const struct record_head *head = plan->subject->head;
	int err = head->n_hooks > 0 && head->state == RECORD_APPLIED ?
		  hooks_mark(&session->target, plan->subject, VZ_HOOK_PRE_REVERT) : 0;

	return err != 0 ? err : write_state(session, plan->address, RECORD_REVERTING);
}

/*
 * The same for a patch that is being taken out.  One that was never applied to its end has no hooks run, and those
 * that an nsb which was killed saw return are not run again.
 */
static int run_hooks_of(struct session *session, const struct plan *plan, enum vz_hook_kind kind)
{
	const struct record *record = plan->subject;
	const struct record_head *head = record->head;

	if (head->state == RECORD_LOADING || record->is_gone ||
	    (head->state == RECORD_REVERTING && (head->hook < VZ_HOOK_PRE_REVERT || head->hook > (uint32_t)kind)))
		return 0;
	return hooks_run(&session->target, record, kind, &session->hooks);
}

/* An nsb that was killed had begun to run hooks: nobody knows how far they came. */
static void tell_begun(const struct session *session, const struct record *record)
{
	if (hooks_begun(record) != 0)
		warn("%s: an nsb that was killed had begun the %s hooks of %s: data of the program may have been changed"
		     " in part", target_name(&session->target), hooks_name(hooks_begun(record)),
		     record_string(record, record->head->patch_name));
}

/*
 * The patch is not applied, but hooks of it have run, and may have stored addresses of its code or data
 * somewhere, or a thread could not be brought back from one: its memory stays when the rest is undone.
 */
static void keep_memory(struct session *session)
{
	const uint32_t kept = RECORD_KEPT;

	if (session->hooks.entered == 0 || (session->hooks.entered == 1 && session->hooks.is_vetoed))
		return;
	for (size_t i = 0; i < session->n_new; i++) {
		const struct plan *plan = &session->plans[i];

		if (session->hooks.is_lost || plan_gives_away(&plan->record))
			target_journal_keep(&session->target, plan->address, plan->address + plan->mapped,
					    plan->address + offsetof(struct record_head, state), &kept, sizeof(kept));
	}
}

/* Copy one variable of an older patch to that of the new one, while all threads stand. */
static int copy_state(struct session *session, const struct record_variable *from, const struct record_variable *to)
{
	uint8_t *bytes = malloc((size_t)to->size);
	int err = bytes == NULL ? fail(ENOMEM, "out of memory") : 0;

	if (err == 0 && target_read(&session->target, from->address, bytes, (size_t)from->size) != 0)
		err = fail(EIO, "%s: cannot read memory at 0x%" PRIx64, target_name(&session->target), from->address);
	if (err == 0 && to->size > from->size)
		bytes[from->size] = 1;
	if (err == 0)
		err = target_write_bulk(&session->target, to->address, bytes, (size_t)to->size);
	free(bytes);
	return err;
}

/* With --replace the new patch goes on with the state of the older ones, the youngest of them last. */
static int take_states_over(struct session *session)
{
	int err = 0;

	for (size_t i = session->n_new; i < session->n_plans && err == 0; i++) {
		const struct record *older = session->plans[i].subject;

		for (size_t k = 0; k < session->n_new && err == 0; k++) {
			const struct record *newer = &session->plans[k].record;

			if (newer->head->object_base != older->head->object_base)
				continue;
			for (uint32_t s = 0; s < older->head->n_states && err == 0; s++) {
				const struct record_variable *from = &older->states[s];
				const struct record_variable *to = find_heir(newer, older, from);

				if (to != NULL)
					err = copy_state(session, from, to);
			}
		}
	}
	return err;
}

/*
 * Write the jumps.  With --replace the new patch is applied on top of the older ones first, and
 * then these are taken out.  So if nsb is killed at any instant, revert can deal with what is
 * there.  The hooks of the older ones have run by then: what they did to data is undone before the new patch's
 * own come.
 */
static int switch_on(struct session *session)
{
	int err = take_states_over(session);

	if (err == 0)
		err = run_hooks(session, VZ_HOOK_PRE_APPLY);
	for (size_t i = session->n_new; i < session->n_plans && err == 0; i++) {
		if (session->plans[i].subject->head->n_hooks == 0)
			continue;
		err = begin_leaving(session, &session->plans[i]);
		if (err == 0)
			err = run_hooks_of(session, &session->plans[i], VZ_HOOK_PRE_REVERT);
	}
	if (err == 0)
		err = write_edits(session, &session->plans[0]);
	for (size_t i = session->n_new; i < session->n_plans && err == 0; i++)
		err = run_hooks_of(session, &session->plans[i], VZ_HOOK_POST_REVERT);
	if (err == 0)
		err = run_hooks(session, VZ_HOOK_POST_APPLY);
	for (size_t i = 0; i < session->n_new && err == 0; i++)
		err = write_state(session, session->plans[i].address, RECORD_APPLIED);
	for (size_t i = session->n_new; i < session->n_plans && err == 0; i++) {
		struct plan *plan = &session->plans[i];

		err = write_state(session, plan->address, RECORD_REVERTING);
		if (err == 0)
			err = write_edits(session, plan);
		if (err == 0 && stays(session, plan))
			err = write_state(session, plan->address, RECORD_KEPT);
	}
	if (err == 0)
		target_commit(&session->target);
	else
		keep_memory(session);
	return hooks_tell_failure(&session->target, &session->hooks, err);
}

/*
 * The change is made and stays.  If something fails after that while the target lives, the
 * command has not failed: it is only told, and target_close() tries once more to let the
 * threads go.
 */
static int forgive(int err)
{
	if (err == 0 || err == -ESRCH || err == -EUCLEAN)
		return err;
	warn("done, but: %s", msg_kept());
	msg_forget();
	return 0;
}

/*
 * Let the runners go on before the memory of a patch is unmapped, as no thread can come to it
 * any more.  nsb still traces them: if no sleeper can make the call, a runner is stopped for it.
 */
static int let_runners_go(struct session *session)
{
	struct target *target = &session->target;
	int err = 0;

	for (size_t i = 0; i < target->n_threads && err == 0; i++) {
		if (!target->threads[i].asleep)
			err = target_continue(target, &target->threads[i]);
	}
	return err;
}

/*
 * The code of a patch is to be unmapped, and contexts that came after the search may lead there.  If there was none at all the
 * program mostly has no coroutines, though it or one of its libraries could make some (libcrypto): then search once more,
 * while all threads run.  If there is still none, none is in the code.
 */
static int look_for_first(struct session *session, const struct options *options)
{
	const uint64_t end = now_ns() + (uint64_t)options->limits.timeout_ms * 1000000 / SEARCH_PART;
	struct target *target = &session->target;
	struct coroutines now = { 0 };
	int err = 0;

	if (session->coroutines.is_complete || session->coroutines.is_too_large ||
	    coroutines_are_there(&session->coroutines, target, &session->objects))
		return 0;
	for (size_t i = 0; i < target->n_threads && err == 0; i++)
		err = target_continue(target, &target->threads[i]);
	if (err != 0)
		return err;
	if (target_read_maps(target) == 0 && coroutines_find(&now, target, &session->objects, end) == 0)
		session->coroutines.is_complete = !coroutines_are_there(&now, target, &session->objects);
	else
		msg_forget();
	coroutines_deinit(&now);
	return 0;
}

/* Whether memory of a patch with this protection stays when its code goes. */
static bool is_kept(const struct record_head *head, int prot)
{
	const uint32_t kind = prot & PROT_WRITE ? RECORD_VARIABLES_INSIDE : RECORD_CONSTANTS_INSIDE;

	return !(prot & PROT_EXEC) && !(head->data & kind);
}

/* Unmap a patch's code, and data that nothing can point to.  The record and the rest stay. */
static int unmap_code(struct session *session, const struct plan *plan)
{
	const struct record_head *head = plan->subject->head;
	const struct maps *maps = &session->target.maps;
	const uint64_t first = plan->address + page_up(head->size, session->target.page), last = plan->address + plan->mapped;
	const struct mapping *own = maps_find(maps, plan->address);
	const uint64_t stack = last - plan->stack;
	uint64_t start = first, end = first;
	int err = 0;

	/* READ_IMPLIES_EXEC: the record, which is data, is executable, and so is all data. */
	if (own != NULL && (own->prot & PROT_EXEC))
		return 0;
	for (size_t i = 0; i < maps->count && err == 0; i++) {
		const struct mapping *m = &maps->all[i];
		const uint64_t lo = m->start > first ? m->start : first, hi = m->end < last ? m->end : last;

		if (lo >= hi || (is_kept(head, m->prot) && lo < stack))
			continue;
		if (lo != end && end > start)
			err = remote_unmap(&session->target, start, end - start);
		if (lo != end)
			start = lo;
		end = hi;
	}
	return err == 0 && end > start ? remote_unmap(&session->target, start, end - start) : err;
}

/* Unmap the memory of the patches that were taken out, as far as the program cannot need it. */
static int unmap_patches(struct session *session)
{
	int err = 0;

	for (size_t i = session->n_new; i < session->n_plans && err == 0; i++) {
		const struct plan *plan = &session->plans[i];

		if (plan->keeps_memory)
			warn("%s: the memory of the patch stays: one of its functions may still be in"
			     " use", target_name(&session->target));
		else if (!session->coroutines.is_complete)
			warn("%s: the memory of the patch stays: a coroutine may have been suspended in it while"
			     " others were searched for", target_name(&session->target));
		else if (plan->keeps_data)
			err = unmap_code(session, plan);
		else
			err = remote_unmap(&session->target, plan->address, plan->mapped);
	}
	return err;
}

/* All is done, or was tried with --dry-run: unmap what was taken out, and let all threads go. */
static int conclude(struct session *session, const struct options *options)
{
	const bool changed = !options->dry_run;
	int err = 0;

	if (changed && session->n_plans > session->n_new) {
		err = let_runners_go(session);
		if (err == 0)
			err = look_for_first(session, options);
		if (err == 0)
			err = unmap_patches(session);
	}
	if (err == 0)
		err = target_detach_all(&session->target);
	err = forgive(err);
	if (err == 0)
		tell_goers(session, options);
	if (err == 0)
		say_pause(session);
	return err;
}

static int apply(struct session *session, const struct options *options)
{
	int err = interrupt_check();

	if (err == 0)
		err = find_coroutines(session, options);
	if (err == 0)
		err = target_seize(&session->target);
	if (err == 0 && !options->dry_run)
		err = remote_sweep_remains(&session->target);
	for (size_t i = 0; i < session->n_new && err == 0 && !options->dry_run; i++)
		err = load_image(&session->target, &session->plans[i]);
	if (err == 0)
		err = stop_at_safe_point(session, options);
	if (err == 0 && !options->dry_run)
		err = switch_on(session);
	if (err == 0 && options->dry_run)
		err = plan_verify(&session->plans[0], &session->target);
	if (err != 0)
		return err;
	return conclude(session, options);
}

/* ---- revert ---- */

/* Plan to take out all instances of one patch. */
static int plan_taking_out(struct session *session, const struct allowed *allowed,
			   const uint8_t *id, size_t size)
{
	const struct record *record = NULL, *untrue = NULL;
	char text[2 * BUILD_ID_MAX + 1];
	int err = 0;

	while ((record = records_find(&session->records, record, id, size)) != NULL && err == 0) {
		struct plan *plan;

		if (record->untrue != NULL) {
			untrue = record;
			continue;
		}
		tell_begun(session, record);
		plan = add_plan(session);
		err = plan == NULL ? -ENOMEM :
		      plan_revert(plan, &session->target, &session->objects, &session->records,
				  record, allowed);
		if (err == 0 && session->n_plans > 1)
			err = plan_join(&session->plans[0], plan);
	}
	if (err == 0 && session->n_plans > 0)
		err = redirect_out(&session->plans[0], session->plans, 0, session->n_plans,
				      &session->target, &session->records);
	build_id_format(id, size, text);
	if (err == 0 && session->n_plans == 0 && untrue != NULL)
		return fail(ESTALE, "%s: its record of the patch %s cannot be true: the code of %s is not what"
			    " the patch makes of it (forged, or changed by another patcher)",
			    target_name(&session->target), text,
			    untrue->untrue[0] == '\0' ? "no function" : untrue->untrue);
	if (err == 0 && session->n_plans == 0)
		return fail(ENOENT, "%s: the patch %s is not applied",
			    target_name(&session->target), text);
	return err != 0 ? err : plan_verify(&session->plans[0], &session->target);
}

static int switch_off(struct session *session)
{
	int err = 0;

	for (size_t i = 0; i < session->n_plans && err == 0; i++)
		err = begin_leaving(session, &session->plans[i]);
	for (size_t i = 0; i < session->n_plans && err == 0; i++)
		err = run_hooks_of(session, &session->plans[i], VZ_HOOK_PRE_REVERT);
	if (err == 0)
		err = write_edits(session, &session->plans[0]);
	for (size_t i = 0; i < session->n_plans && err == 0; i++)
		err = run_hooks_of(session, &session->plans[i], VZ_HOOK_POST_REVERT);
	for (size_t i = 0; i < session->n_plans && err == 0; i++) {
		if (stays(session, &session->plans[i]))
			err = write_state(session, session->plans[i].address, RECORD_KEPT);
	}
	if (err == 0)
		target_commit(&session->target);
	return hooks_tell_failure(&session->target, &session->hooks, err);
}

static int take_out(struct session *session, const struct options *options)
{
	int err = interrupt_check();

	if (err == 0)
		err = find_coroutines(session, options);
	if (err == 0)
		err = target_seize(&session->target);
	if (err == 0 && !options->dry_run)
		err = remote_sweep_remains(&session->target);
	if (err == 0)
		err = remote_may_call(&session->target);
	if (err == 0)
		err = stop_at_safe_point(session, options);
	if (err == 0 && !options->dry_run)
		err = switch_off(session);
	return err != 0 ? err : conclude(session, options);
}

/* There is no record to revert, but a killed nsb may have left memory without a record. */
static int clean_up(struct session *session)
{
	uint64_t address, size;
	int err;

	if (!remote_find_remains(&session->target, &address, &size))
		return 0;
	err = target_seize(&session->target);
	if (err == 0)
		err = remote_sweep_remains(&session->target);
	if (err == 0 && remote_find_remains(&session->target, &address, &size))
		err = remote_remove_remains(&session->target);
	return err;
}

/* Forget all that was read and planned, and read the process anew, and which calls are frail. */
static int reopen(struct session *session)
{
	pid_t pid = session->target.pid;
	size_t n_frail;
	int err = session_close(session, 0);

	if (err == 0)
		err = session_open(session, pid, TARGET_CHANGE);
	return err == 0 ? target_count_frail(&session->target, false, &n_frail) : err;
}

/* ---- patch, after an nsb that was killed ---- */

/* Whether an nsb that was killed had begun with this patch. */
static bool is_begun(const struct session *session, const struct vz_blob *id)
{
	const struct record *record = NULL;

	do {
		record = records_find(&session->records, record, id->data, (size_t)id->size);
	} while (record != NULL && (record->head->state == RECORD_APPLIED || record->untrue != NULL));
	return record != NULL;
}

/* Take back what a killed nsb had begun with this patch, and open the session anew. */
static int take_back(struct session *session, const struct options *options,
		     const struct patchfile *patch)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	int err;

	if (!is_begun(session, id) || options->dry_run)
		return 0;
	err = session_read_objects(session);
	if (err != 0 || !is_begun(session, id))
		return err;
	say("%d: taking back what an nsb that was killed had begun", session->target.pid);
	err = plan_taking_out(session, &options->allowed, id->data, (size_t)id->size);
	if (err == 0)
		err = take_out(session, options);
	return err == 0 ? reopen(session) : err;
}

static int plan_reverting(struct session *session, const struct options *options, const uint8_t *id,
			  size_t size)
{
	int err = session_read_objects(session);

	return err == 0 ? plan_taking_out(session, &options->allowed, id, size) : err;
}

/* ---- patch, and a coroutine that was suspended in the old code after nsb had searched for them ---- */

/*
 * The patch is applied, and the process runs.  Look for coroutines that are suspended in the old code.  `name` is "" if there
 * is none; else it is the name of the function.
 */
static int find_late(struct session *session, const struct options *options, char *name, size_t size,
		     uint64_t *context)
{
	const uint64_t end = now_ns() + (uint64_t)options->limits.timeout_ms * 1000000 / SEARCH_PART;
	const struct plan *plan = &session->plans[0];
	struct unwind_verdict verdict;
	int err = target_read_maps(&session->target);

	name[0] = '\0';
	if (err == 0)
		err = coroutines_find_late(&session->coroutines, &session->target, &session->objects, plan->unwinder,
					   plan->ranges, plan->n_ranges, end, &verdict, context);
	if (err == 0 && !verdict.safe)
		(void)snprintf(name, size, "%s", verdict.range->name);
	return err;
}

/* Take out again what session_patch() has applied. */
static int withdraw(struct session *session, const struct options *options, const struct vz_blob *id)
{
	int err = reopen(session);

	if (err == 0)
		err = plan_reverting(session, options, id->data, (size_t)id->size);
	return err == 0 ? take_out(session, options) : err;
}

/*
 * Between the search for coroutines and the stop one may have been suspended in code that the patch replaces.  Since the jumps
 * are written no other one can come there, so a search finds all that there are, and nobody has to stand for it.
 * If there is one the patch is taken out again, but not with --replace, as the older patches are gone.
 */
static int look_for_late(struct session *session, const struct options *options, const struct patchfile *patch)
{
	const pid_t pid = session->target.pid;
	const bool has_replaced = session->n_plans > session->n_new;
	char name[128];
	uint64_t context = 0;
	int err;

	if (options->dry_run || session->coroutines.is_complete)
		return 0;
	err = find_late(session, options, name, sizeof(name), &context);
	if (err != 0 && !target_has_ended(&session->target))
		warn("%d: applied, but it is not known whether a coroutine was suspended in the old code meanwhile: %s",
		     pid, msg_kept());
	msg_forget();
	if (err != 0 || name[0] == '\0')
		return 0;
	err = has_replaced ? 0 : withdraw(session, options, &patch->meta.patch.build_id);
	if (err == 0 && !has_replaced)
		return fail(EBUSY, "%d: a coroutine (context at 0x%" PRIx64 ") was suspended in %s while nsb looked for a"
			    " safe point: the patch was taken out again (try again, or see --allow-active in nsb(1))",
			    pid, context, name);
	if (err != 0)
		debug("%s", msg_kept());
	msg_forget();
	warn("%d: a coroutine (context at 0x%" PRIx64 ") was suspended in %s while nsb looked for a safe point: it"
	     " finishes in the old function", pid, context, name);
	return err == -EUCLEAN ? err : 0;
}

int session_patch(struct session *session, const struct options *options,
		  const struct patchfile *patch)
{
	bool waited = false;
	int err = take_back(session, options, patch);

	if (err == 0)
		err = plan_patch(session, options, patch);
	if (err == 0)
		err = await_frail_calls(session, options, &waited);
	if (err == 0 && waited) {
		err = reopen(session);
		if (err == 0)
			err = plan_patch(session, options, patch);
	}
	if (err == 0)
		err = apply(session, options);
	return err == 0 ? look_for_late(session, options, patch) : err;
}

int session_revert(struct session *session, const struct options *options, const uint8_t *id,
		   size_t size)
{
	bool waited = false;
	int err = plan_reverting(session, options, id, size);

	if (err == -ENOENT && !options->dry_run && clean_up(session) != 0)
		warn("%d: what an nsb that was killed had left is still there (try again)", session->target.pid);
	if (err == 0)
		err = await_frail_calls(session, options, &waited);
	if (err == 0 && waited) {
		err = reopen(session);
		if (err == 0)
			err = plan_reverting(session, options, id, size);
	}
	return err == 0 ? take_out(session, options) : err;
}

/* ---- check ---- */

int session_is_applied(struct session *session, const struct patchfile *patch)
{
	const struct object *object = NULL;
	size_t found = 0;
	int err = 0;

	if (session->records.count > 0)
		err = session_read_objects(session);
	while (err == 0 && (object = next_instance(session, patch, object)) != NULL) {
		const struct record *record = find_record_of(session, patch, object);

		found++;
		if (record == NULL || record->head->state != RECORD_APPLIED)
			err = -ENOENT;
	}
	return err == 0 && found == 0 ? -ENOENT : err;
}

const char *session_find_probe(const struct session *session, const struct record *record)
{
	const struct arch *arch = session->target.arch;
	const size_t size = arch->breakpoint_size, rest = arch->jump_size - size;

	for (uint32_t i = 0; i < record->head->n_funcs && record->head->state == RECORD_APPLIED && !record->is_gone; i++) {
		const struct record_func *func = &record->funcs[i];
		uint64_t address = func->target + func->jump_offset;
		uint8_t found[JUMP_MAX], jump[JUMP_MAX];

		if (target_read(&session->target, address, found, arch->jump_size) != 0 ||
		    arch->jump(address, func->via, jump) != 0 || memcmp(found + size, jump + size, rest) != 0 ||
		    memcmp(func->target_old + size, jump + size, rest) == 0)
			continue;
		if (memcmp(found, arch->breakpoint, size) == 0 || memcmp(found, func->target_old, size) == 0)
			return record_string(record, func->name);
	}
	return NULL;
}
