/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "page.h"
#include "proc.h"
#include "remote.h"

#define CALLS_MAX 8
#define NAME_SIZE 80		/* ANON_VMA_NAME_MAX_LEN of the kernel */

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static bool has_failed(const struct remote_call *call)
{
	return call->result < 0 && call->result >= -4095;
}

/*
 * Of the journal's entries for these calls, from `first` on, keep those of calls that mapped
 * memory.  Entries for adjacent memory become one, so that the undo has fewer calls to make.
 */
static void keep_mappings(struct target *target, size_t first, const struct remote_call *calls,
			  size_t count)
{
	size_t kept = first;

	for (size_t i = 0; i < count; i++) {
		struct change change = target->journal[first + i];
		struct change *last = &target->journal[kept > 0 ? kept - 1 : 0];

		if (has_failed(&calls[i]))
			continue;
		if (calls[i].result != 0)
			change.address = (uint64_t)calls[i].result;
		if (kept > 0 && last->unmap != NULL &&
		    last->address + last->size == change.address)
			last->size += change.size;
		else
			target->journal[kept++] = change;
	}
	target->n_changes = kept;
}

/* Whether the process has as many mappings as the kernel allows, vm.max_map_count. */
static bool has_all_mappings(const struct target *target, size_t *most)
{
	struct maps now;
	bool has = false;

	*most = proc_max_map_count();
	if (*most != 0 && maps_read(&now, target->living) == 0) {
		has = now.count + 1 >= *most;
		maps_deinit(&now);
	}
	msg_forget();
	return has;
}

/* Name the limit that keeps the process from mapping memory, mmap(2). */
static int refuse_mapping(const struct target *target, const struct plan *plan,
			  const struct remote_call *call)
{
	const char *name = target_name(target);
	size_t most;

	msg_forget();
	switch (call->result) {
	case -ENOMEM:
		if (has_all_mappings(target, &most))
			return fail(ENOMEM, "%s: has as many mappings as it may have: vm.max_map_count is %zu"
				    " (raise it by sysctl)", name, most);
		return fail(ENOMEM, "%s: there is no room for %" PRIu64 " bytes: its limit of memory (RLIMIT_AS,"
			    " RLIMIT_DATA), or the host's (vm.overcommit_memory), is reached (see prlimit --pid"
			    " %d --as)", name, plan->mapped, target->pid);
	case -EAGAIN:
		return fail(EAGAIN, "%s: locks all its memory (mlockall), and %" PRIu64 " bytes more would exceed"
			    " its RLIMIT_MEMLOCK (see prlimit --pid %d --memlock)", name, plan->mapped,
			    target->pid);
	case -EACCES:
		return fail(EACCES, "%s: may not map %s memory that is of no file: a security module forbids it"
			    " (SELinux: execmem)", name, (call->args[2] & PROT_EXEC) ? "executable" : "this");
	case -EPERM:
		return fail(EPERM, "%s: may not map memory at 0x%" PRIx64 " (vm.mmap_min_addr, or a security"
			    " module)", name, call->args[0]);
	default:
		return fail(EBUSY, "%s: the memory that was free at 0x%" PRIx64 " is taken now (try"
			    " again)", name, call->args[0]);
	}
}

static bool is_limit(int64_t result)
{
	return result == -ENOMEM || result == -EEXIST || result == -EAGAIN || result == -EACCES ||
	       result == -EPERM;
}

/*
 * The name of the record's pages in /proc/PID/maps, "[anon:nsb:fix.so]"; false if the kernel gives memory no names.  It takes
 * printable characters only, and not all of them.  Only what is read only is named, which lies in front of all else of the patch:
 * perf(1) looks for the symbols of nsb list --perf-map only in code that has no name.
 */
static bool make_name(const struct plan *plan, char name[NAME_SIZE])
{
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0, 0, 0) != 0)
		return false;
	(void)snprintf(name, NAME_SIZE, "nsb:%s", record_string(&plan->record, plan->record.head->patch_name));
	for (char *at = name; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~' || strchr("\\`$[]", *at) != NULL)
			*at = '_';
	}
	return true;
}

/* The end of the record's pages, and of what is read only behind them: the kernel has made that one mapping. */
static uint64_t end_of_constants(const struct plan *plan)
{
	const struct link_image *image = &plan->image;
	uint64_t size = 0;

	for (size_t i = 0; i < image->n_segments && image->segments[i].prot == PROT_READ && image->segments[i].offset == size; i++)
		size += image->segments[i].size;
	return image->base + size;
}

/* Make the mappings; with the last ones the record gets its name.  `calls` has room for one more. */
static int make_mappings(struct remote *remote, const struct plan *plan,
			 struct remote_call *calls, size_t count, bool are_last)
{
	struct target *target = remote->target;
	size_t first = target->n_changes, named = 0;
	char name[NAME_SIZE];
	int err = 0;

	if (are_last && make_name(plan, name)) {
		calls[count] = remote_naming(plan->address, end_of_constants(plan) - plan->address, name);
		named = 1;
	}

	for (size_t i = 0; i < count && err == 0; i++)
		err = target_journal_mapping(target, calls[i].args[0], calls[i].args[1],
					     remote_undo_mapping);
	if (err != 0) {
		target->n_changes = first;
		return err;
	}
	err = remote_make(remote, calls, count + named);
	keep_mappings(target, first, calls, count);
	for (size_t i = 0; i < count; i++) {
		/* Kernels before 4.17 do not know MAP_FIXED_NOREPLACE, and take the address for a hint. */
		bool elsewhere = !has_failed(&calls[i]) && err == 0 &&
				 (uint64_t)calls[i].result != calls[i].args[0];

		if (elsewhere || is_limit(calls[i].result))
			return refuse_mapping(target, plan, &calls[i]);
	}
	return err;
}

/*
 * Map the pages of the record, and each segment, by an mmap(2) of its own, with the rights that
 * it will keep, and the stack of hooks.  So all calls can be made in one go: if one fails because other memory has come
 * there, the next ones do not touch that memory.  No memory is writable and executable, and none
 * is made executable later.  So this also works in a process that forbids itself such memory
 * (PR_SET_MDWE, MemoryDenyWriteExecute=).
 */
static int map(struct remote *remote, const struct plan *plan)
{
	const struct link_image *image = &plan->image;
	struct remote_call calls[CALLS_MAX + 1];
	size_t count = 0;
	int err = 0;

	if (plan->kept == NULL)
		calls[count++] = remote_mapping(plan->address, image->base - plan->address, PROT_READ);
	for (size_t i = 0; i < image->n_segments && err == 0; i++) {
		const struct link_segment *segment = &image->segments[i];

		if (segment->is_there)
			continue;
		if (count == CALLS_MAX) {
			err = make_mappings(remote, plan, calls, count, false);
			count = 0;
		}
		calls[count++] = remote_mapping(image->base + segment->offset, segment->size,
					 segment->prot);
	}
	if (err == 0 && plan->stack > 0 && count + 2 > CALLS_MAX) {
		err = make_mappings(remote, plan, calls, count, false);
		count = 0;
	}
	if (plan->stack > 0) {
		const uint64_t guard = plan->address + plan->mapped - plan->stack;

		calls[count++] = remote_mapping(guard, HOOK_GUARD, PROT_NONE);
		calls[count++] = remote_mapping(guard + HOOK_GUARD, plan->stack - HOOK_GUARD, PROT_READ | PROT_WRITE);
	}
	return err != 0 || count == 0 ? err : make_mappings(remote, plan, calls, count, true);
}

/* Write the page with the magic last: if a record can be found, all of it is there. */
static int write_record(struct target *target, const struct plan *plan)
{
	const uint8_t *bytes = plan->record.bytes;
	size_t size = plan->record.head->size, first = size < PAGE ? size : PAGE;
	int err = 0;

	if (size > first)
		err = target_write_bulk(target, plan->address + first, bytes + first, size - first);
	return err != 0 ? err : target_write_bulk(target, plan->address, bytes, first);
}

/* Write a segment, but not its pages of zeros: these the kernel gives when the program uses them. */
static int write_segment(struct target *target, const struct link_image *image,
			 const struct link_segment *segment)
{
	static const uint8_t zeros[PAGE];
	const uint64_t last = segment->offset + segment->size;
	int err = 0;

	for (uint64_t at = segment->offset, end; at < last && err == 0; at = end) {
		const bool is_empty = memcmp(image->bytes + at, zeros, PAGE) == 0;

		for (end = at + PAGE; end < last; end += PAGE) {
			if ((memcmp(image->bytes + end, zeros, PAGE) == 0) != is_empty)
				break;
		}
		if (!is_empty)
			err = target_write_bulk(target, image->base + at, image->bytes + at,
						(size_t)(end - at));
	}
	return err;
}

static int write_image(struct target *target, const struct link_image *image)
{
	int err = 0;

	for (size_t i = 0; i < image->n_segments && err == 0; i++) {
		if (!image->segments[i].is_there)
			err = write_segment(target, image, &image->segments[i]);
	}
	return err;
}

/* Change bytes of a record that stayed to those of the new one. */
static int change_record(struct target *target, const struct plan *plan, size_t offset, size_t size)
{
	return target_write_small(target, plan->address + offset, plan->kept->bytes + offset,
				  plan->record.bytes + offset, size);
}

/*
 * Make the record that stayed that of the new patch.  After each store it is a sound one.  Its
 * state becomes that of a patch that is half reverted: if nsb is killed before it is applied, the
 * next one reverts it, and the data stays, as it did before.
 */
static int renew_record(struct target *target, const struct plan *plan)
{
	const size_t sum = offsetof(struct record_head, crc);
	const uint32_t before = RECORD_KEPT, after = RECORD_REVERTING;
	int err = change_record(target, plan, offsetof(struct record_head, hook), sizeof(uint32_t));

	if (err == 0)
		err = change_record(target, plan, sum, offsetof(struct record_head, address) - sum);

	if (err == 0)
		err = change_record(target, plan, offsetof(struct record_head, sequence),
				    sizeof(uint64_t));
	return err != 0 ? err :
	       target_write_small(target, plan->address + offsetof(struct record_head, state), &before,
				  &after, sizeof(after));
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
	/* Write the record before the image: from now on the next nsb knows what this memory is. */
	if (err == 0 && plan->kept == NULL)
		err = write_record(target, plan);
	end = remote_end(&remote);
	if (err == 0)
		err = end;
	/* Write the image while all threads run: nothing leads to it yet. */
	if (err == 0)
		err = target_continue(target, remote.thread);
	if (err == 0)
		err = write_image(target, image);
	if (err == 0 && plan->kept != NULL)
		err = renew_record(target, plan);
	return err;
}
