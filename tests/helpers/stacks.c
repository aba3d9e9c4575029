/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stacks PID: the frames of every thread as nsb unwinds them.  A line is
 *	ENGINE TID proven|unproven PC...
 * innermost first, in hex.  ENGINE is own, and libunwind for a process of our own ABI.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "budget.h"
#include "object.h"
#include "target.h"
#include "unwind.h"

static int make_unwinder(const struct target *target, const struct objects *objects, bool own,
			 struct unwinder **out)
{
	struct unwind_setup setup = {
		.arch = target->arch, .memory = target->memory, .peek = target_peek,
		.engines = own ? UNWIND_OWN : UNWIND_LIBUNWIND,
	};
	struct unwind_mapping *mappings = calloc(target->maps.count, sizeof(*mappings));
	struct cfi_table *tables = NULL;
	int err;

	if (mappings == NULL)
		return -1;
	for (size_t i = 0; i < target->maps.count; i++) {
		const struct mapping *map = &target->maps.all[i];

		if (map->prot != 0)
			mappings[setup.n_mappings++] =
				(struct unwind_mapping){ map->start, map->end,
							  (map->prot & PROT_EXEC) != 0, false };
	}
	setup.mappings = mappings;
	err = objects_cfi_tables(objects, target, &tables, &setup.n_tables);
	setup.tables = tables;
	if (err == 0)
		err = unwinder_create(out, &setup);
	free(tables);
	free(mappings);
	return err;
}

static int print_stack(struct unwinder *unwinder, const char *engine, const struct thread *thread)
{
	static struct unwind_frame frames[BUDGET_FRAMES];
	static const struct code_range nowhere = { 1, 2, "nowhere", false };
	struct unwind_verdict verdict;

	if (unwind_check(unwinder, thread->tid, &thread->regs, &nowhere, 1, &verdict, frames,
			 BUDGET_FRAMES) != 0)
		return -1;
	(void)printf("%s %d %s", engine, thread->tid, verdict.proven ? "proven" : "unproven");
	for (size_t i = 0; i < verdict.n_frames && i < BUDGET_FRAMES; i++)
		(void)printf(" %" PRIx64, frames[i].pc);
	(void)printf("\n");
	return 0;
}

static int print_stacks(struct target *target, const struct objects *objects, const char *engine)
{
	struct unwinder *unwinder = NULL;
	int err = make_unwinder(target, objects, engine[0] == 'o', &unwinder);

	for (size_t i = 0; err == 0 && i < target->n_threads; i++)
		err = print_stack(unwinder, engine, &target->threads[i]);
	unwinder_destroy(unwinder);
	return err;
}

/* Not by target_interrupt(), which sets calls back to their start where it has to. */
static int stop(const struct arch *arch, struct thread *thread)
{
	struct pt_status status;
	int err = pt_interrupt(thread->tid);

	if (err == 0)
		err = pt_wait(thread->tid, &status);
	if (err == 0 && status.stop != PT_INTERRUPTED)
		err = fail(EBUSY, "thread %d does not sleep", thread->tid);
	if (err == 0)
		err = pt_get_regs(arch, thread->tid, &thread->regs);
	return err;
}

static int stop_all(struct target *target)
{
	int err = target_seize(target);

	for (size_t i = 0; err == 0 && i < target->n_threads; i++)
		err = stop(target->arch, &target->threads[i]);
	return err;
}

static int continue_all(struct target *target)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < target->n_threads; i++)
		err = pt_cont(target->threads[i].tid, 0);
	return err;
}

int main(int argc, char **argv)
{
	struct target target = { 0 };
	struct objects objects = { 0 };
	int err, closed;

	if (argc != 2)
		return 64;
	msg_init("stacks");
	err = target_open(&target, atoi(argv[1]), TARGET_CHANGE);
	if (err == 0)
		err = objects_read(&objects, &target);
	if (err == 0)
		err = stop_all(&target);
	if (err == 0)
		err = print_stacks(&target, &objects, "own");
	if (err == 0 && target.arch == arch_all[0])
		err = print_stacks(&target, &objects, "libunwind");
	if (err == 0)
		err = continue_all(&target);
	objects_deinit(&objects);
	closed = target_close(&target);
	if (err != 0 || closed != 0)
		(void)fprintf(stderr, "%s\n", msg_kept());
	return err == 0 && closed == 0 && fflush(stdout) == 0 ? 0 : 1;
}
