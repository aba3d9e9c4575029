/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "load.h"
#include "remote.h"

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

/* The first error is the one to tell, unless the undo itself failed. */
int session_close(struct session *session, int err)
{
	int closed;

	plan_deinit(&session->plan);
	objects_deinit(&session->objects);
	records_deinit(&session->records);
	closed = target_close(&session->target);
	return closed != 0 ? closed : err;
}

/* ---- steps ---- */

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

/* ---- revert ---- */

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

/* ---- patch, after an nsb that was killed ---- */

/* What it had begun with this patch is taken back, and the session opened anew. */
static int take_back(struct session *session, const struct options *options,
		     const struct patchfile *patch)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct record *record = records_find(&session->records, id->data, (size_t)id->size);
	pid_t pid = session->target.pid;
	int err;

	if (record == NULL || options->dry_run ||
	    (record->head->state != RECORD_LOADING && record->head->state != RECORD_REVERTING))
		return 0;
	say("%d: taking back what an nsb that was killed had begun", pid);
	err = session_close(session, revert_record(session, options, record));
	return err == 0 ? session_open(session, pid, TARGET_CHANGE) : err;
}

int session_patch(struct session *session, const struct options *options,
		  const struct patchfile *patch)
{
	int err = take_back(session, options, patch);

	if (err == 0)
		err = plan_patch(session, patch);
	if (err == 0)
		err = apply(session, options);
	return err;
}

int session_revert(struct session *session, const struct options *options, const uint8_t *id,
		   size_t size)
{
	const struct record *record = records_find(&session->records, id, size);
	char text[2 * BUILD_ID_MAX + 1];

	if (record != NULL)
		return revert_record(session, options, record);
	if (!options->dry_run && clean_up(session) != 0)
		say("%d: what an nsb that was killed had left is still there", session->target.pid);
	build_id_format(id, size, text);
	return fail(ENOENT, "%s: the patch %s is not applied", target_name(&session->target), text);
}
