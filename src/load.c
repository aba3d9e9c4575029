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
	const uint64_t args[6] = { plan->address, plan->mapped, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
				   UINT64_MAX, 0 };
	int64_t result;
	int err = target_journal_mapping(remote->target, plan->address, plan->mapped);

	if (err == 0)
		err = remote_call(remote, NR_MMAP, args, "map memory", &result);
	if (err != 0) {
		remote->target->n_changes--;
		return err;
	}
	/* Kernels before 4.17 take the address as a mere hint. */
	if ((uint64_t)result != plan->address) {
		remote->target->journal[remote->target->n_changes - 1].address = (uint64_t)result;
		return fail(EBUSY, "%s: the memory that was free at 0x%" PRIx64 " is taken now (try"
			    " again)", target_name(remote->target), plan->address);
	}
	return 0;
}

static int protect(struct remote *remote, uint64_t address, uint64_t size, int prot)
{
	const uint64_t args[6] = { address, size, (uint64_t)prot };
	int64_t result;

	return remote_call(remote, NR_MPROTECT, args, "protect memory", &result);
}

static int protect_segments(struct remote *remote, const struct plan *plan)
{
	const struct link_image *image = &plan->image;
	int err = 0;

	for (size_t i = 0; i < image->n_segments && err == 0; i++) {
		const struct link_segment *segment = &image->segments[i];

		if (segment->prot != (PROT_READ | PROT_EXEC))
			err = protect(remote, image->base + segment->offset, segment->size,
				      segment->prot);
	}
	if (err == 0)
		err = protect(remote, plan->address, image->base - plan->address, PROT_READ);
	return err;
}

int load_image(struct target *target, const struct plan *plan)
{
	const struct link_image *image = &plan->image;
	struct remote remote;
	struct thread *thread;
	int err, end;

	err = remote_pick_thread(target, &thread);
	if (err == 0)
		err = remote_begin(&remote, target, thread, plan->address, plan->mapped);
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
	if (err == 0)
		err = target_write_bulk(target, image->base, image->bytes, (size_t)image->size);
	if (err == 0)
		err = target_continue(target, thread);
	return err;
}
