/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "remote.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/*
 * Memory comes as r-x and only loses rights afterwards: processes that forbid
 * themselves to make memory executable (PR_SET_MDWE, MemoryDenyWriteExecute=)
 * allow just this, and nothing is ever writable and executable.
 */
static int map(struct remote *remote, const struct plan *plan)
{
	struct remote_call call = { NR_MMAP, { plan->address, plan->mapped, PROT_READ | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE },
				    "map memory", 0 };
	struct target *target = remote->target;
	int err = target_journal_mapping(target, plan->address, plan->mapped);

	if (err != 0)
		return err;
	err = remote_make(remote, &call, 1);
	if (call.result < 0 && call.result >= -4095)
		target->n_changes--;
	if (call.result == -ENOMEM) {
		msg_forget();
		return fail(ENOMEM, "%s: there is no room for %" PRIu64 " bytes: its limit of memory"
			    " (RLIMIT_AS), or that of its cgroup, is reached (see prlimit --pid %d"
			    " --as)", target_name(target), plan->mapped, target->pid);
	}
	if (err != 0)
		return err;
	/* Kernels before 4.17 take the address as a mere hint. */
	if ((uint64_t)call.result != plan->address) {
		target->journal[target->n_changes - 1].address = (uint64_t)call.result;
		return fail(EBUSY, "%s: the memory that was free at 0x%" PRIx64 " is taken now (try"
			    " again)", target_name(target), plan->address);
	}
	return 0;
}

/* The record's page comes last: from then on it is known for one (record.h). */
static int protect_segments(struct remote *remote, const struct plan *plan)
{
	static const char what[] = "protect memory";
	const struct link_image *image = &plan->image;
	struct remote_call calls[REMOTE_MAX_CALLS];
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; i < image->n_segments && err == 0; i++) {
		const struct link_segment *segment = &image->segments[i];

		if (segment->prot == (PROT_READ | PROT_EXEC))
			continue;
		calls[count++] = (struct remote_call){
			NR_MPROTECT, { image->base + segment->offset, segment->size,
				       (uint64_t)segment->prot }, what, 0 };
		if (count == REMOTE_MAX_CALLS) {
			err = remote_make(remote, calls, count);
			count = 0;
		}
	}
	if (err != 0)
		return err;
	calls[count++] = (struct remote_call){
		NR_MPROTECT, { plan->address, image->base - plan->address, PROT_READ }, what, 0 };
	return remote_make(remote, calls, count);
}

int load_image(struct target *target, const struct plan *plan)
{
	const struct link_image *image = &plan->image;
	struct remote remote;
	int err, end;

	err = remote_begin(&remote, target, plan->address, plan->mapped);
	if (err != 0)
		return err;
	err = map(&remote, plan);
	/* The record comes first: from now on a later nsb knows whose memory this is. */
	if (err == 0)
		err = target_write_bulk(target, plan->address, plan->record.bytes,
					plan->record.head->size);
	if (err == 0)
		err = protect_segments(&remote, plan);
	end = remote_end(&remote);
	if (err == 0)
		err = end;
	/* No thread stands for this: nothing leads to the image. */
	if (err == 0)
		err = target_continue(target, remote.thread);
	if (err == 0)
		err = target_write_bulk(target, image->base, image->bytes, (size_t)image->size);
	return err;
}
