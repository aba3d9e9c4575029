/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "array.h"
#include "interrupt.h"
#include "page.h"
#include "remote.h"
#include "symbol.h"
#include "tls.h"

#define CODE_MAX (16u << 20)
#define REACH_MARGIN 4096u		/* displacements are counted from the end of their instruction */

/* ---- the bytes at the start of a function ---- */

/* The records that count, from the oldest to the youngest. */
struct generations {
	const struct arch *arch;
	const struct records *records;
	const struct record *more;	/* the youngest record, which is not in `records` yet; or NULL */
};

static const struct record *generation(const struct generations *all, size_t i)
{
	return i < all->records->count ? &all->records->all[i] : all->more;
}

static size_t count_generations(const struct generations *all)
{
	return all->records->count + (all->more != NULL);
}

static const struct record_func *replaces(const struct record *record, uint64_t target)
{
	if (record->head->state == RECORD_KEPT || record->is_gone || record->has_left || record->untrue != NULL)
		return NULL;
	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		if (record->funcs[i].target == target)
			return &record->funcs[i];
	}
	return NULL;
}

/* The youngest function that replaces `target`, if one record is left out; NULL if there is none. */
static const struct record_func *find_top(const struct generations *all, uint64_t target,
					  const struct record *without)
{
	for (size_t i = count_generations(all); i-- > 0;) {
		const struct record *record = generation(all, i);
		const struct record_func *func = record == without ? NULL :
						 replaces(record, target);

		if (func != NULL)
			return func;
	}
	return NULL;
}

/* Compute the bytes at `address`, where the file has `old`, if calls have to come to `top`. */
static int bytes_at(const struct arch *arch, uint64_t address, const uint8_t *old,
		    uint64_t own, const struct record_func *top, uint8_t *out)
{
	uint64_t to = top == NULL ? 0 : own == top->target ? top->via : record_entry(top);

	memcpy(out, old, arch->jump_size);
	if (top == NULL || top->patch == own)
		return 0;
	if (arch->jump(address, to, out) != 0)
		return fail(ENOSPC, "a jump from 0x%" PRIx64 " does not reach 0x%" PRIx64, address,
			    to);
	return 0;
}

/* ---- edits ---- */

/* Whether one store makes the edit.  If it lies across the end of a page, only bytes before the end may change. */
static bool is_one_store(const struct edit *edit)
{
	size_t first = PAGE - (size_t)(edit->address % PAGE);

	return first >= edit->size ||
	       (memcmp(edit->before + first, edit->after + first, edit->size - first) == 0 &&
		memcmp(edit->halfway + first, edit->after + first, edit->size - first) == 0);
}

int plan_add_edit(struct plan *plan, const struct edit *edit)
{
	int err;

	if (memcmp(edit->before, edit->after, edit->size) == 0 &&
	    memcmp(edit->halfway, edit->after, edit->size) == 0)
		return 0;
	if (!is_one_store(edit))
		return fail(ESTALE, "%s: its first bytes lie across the end of a page, where a jump"
			    " cannot be written in one store", edit->name);
	err = ARRAY_GROW(&plan->edits, plan->n_edits, 1);
	if (err == 0)
		plan->edits[plan->n_edits++] = *edit;
	return err;
}

void plan_bring_forward(struct plan *plan, size_t first)
{
	for (size_t i = first; i < plan->n_edits; i++) {
		struct edit edit = plan->edits[i];

		memmove(plan->edits + 1 + (i - first), plan->edits + (i - first),
			first * sizeof(*plan->edits));
		plan->edits[i - first] = edit;
	}
}

/*
 * Plan the edit at the start of one function.  Before it, all records count but `not_before`;
 * after it, all but `not_after`.  If an nsb died while it took a record out, the bytes may be
 * those of before or of after.
 */
static int plan_edit(struct plan *plan, const struct generations *all, const char *name,
		      uint64_t address, const uint8_t *old, uint64_t own, uint64_t target,
		      const struct record *not_before, const struct record *not_after)
{
	struct edit edit = { .address = address, .size = plan->arch->jump_size, .name = name };
	const struct record_func *before = find_top(all, target, not_before);
	const struct record_func *after = find_top(all, target, not_after);
	int err = bytes_at(plan->arch, address, old, own, before, edit.before);

	if (err == 0)
		err = bytes_at(plan->arch, address, old, own, after, edit.after);
	memcpy(edit.halfway, edit.before, sizeof(edit.halfway));
	if (not_after != NULL && not_after->head->state != RECORD_APPLIED)
		memcpy(edit.halfway, edit.after, sizeof(edit.halfway));
	return err != 0 ? err : plan_add_edit(plan, &edit);
}

static int plan_edits(struct plan *plan, const struct generations *all,
		       const struct record *subject, const struct record *not_before,
		       const struct record *not_after)
{
	for (uint32_t i = 0; i < subject->head->n_funcs; i++) {
		const struct record_func *func = &subject->funcs[i];
		const char *name = record_string(subject, func->name);
		int err = plan_edit(plan, all, name, func->target + func->jump_offset,
				     func->target_old, func->target, func->target, not_before,
				     not_after);

		for (size_t g = 0; g < count_generations(all) && err == 0; g++) {
			const struct record *other = generation(all, g);
			const struct record_func *old = other == subject ? NULL :
							replaces(other, func->target);

			if (old != NULL)
				err = plan_edit(plan, all, name,
						 old->patch + old->patch_jump_offset,
						 old->patch_old, old->patch, func->target,
						 not_before, not_after);
		}
		if (err == 0)
			err = interrupt_check();
		if (err != 0)
			return err;
	}
	return 0;
}

/* The code that was read last, up to the end of its page.  Threads may be stopped, so few reads are made. */
struct code_window {
	uint64_t start;
	size_t size;
	uint8_t bytes[PAGE + JUMP_MAX];
};

static int read_edit(const struct target *target, struct code_window *window, struct edit *edit)
{
	size_t to_end = PAGE - (size_t)(edit->address % PAGE);
	int err;

	if (edit->address < window->start || edit->size > window->size ||
	    edit->address - window->start > window->size - edit->size) {
		window->size = 0;
		err = target_read(target, edit->address, window->bytes,
				  to_end > edit->size ? to_end : edit->size);
		if (err != 0)
			return err;
		window->start = edit->address;
		window->size = to_end > edit->size ? to_end : edit->size;
	}
	memcpy(edit->found, window->bytes + (edit->address - window->start), edit->size);
	return 0;
}

/*
 * Whether only a breakpoint keeps the bytes from being what they should: a uprobe of perf or bpftrace,
 * as a debugger would trace the process.  The kernel puts it there, and takes one byte back later.
 */
static bool has_probe(const struct plan *plan, const struct edit *edit, uint64_t *address)
{
	const size_t size = plan->arch->breakpoint_size;

	for (size_t at = 0; at + size <= edit->size; at++) {
		uint8_t without[JUMP_MAX];

		if (memcmp(edit->found + at, plan->arch->breakpoint, size) != 0)
			continue;
		memcpy(without, edit->found, edit->size);
		memcpy(without + at, edit->before + at, size);
		*address = edit->address + at;
		if (memcmp(without, edit->before, edit->size) == 0)
			return true;
	}
	return false;
}

/* Whether a uprobe that was on a jump of this patch is gone, and has left the first byte that the program's file has. */
static bool was_probed(const struct plan *plan, const struct edit *edit)
{
	const size_t size = plan->arch->breakpoint_size;

	return plan->subject != NULL && memcmp(edit->found, edit->after, size) == 0 &&
	       memcmp(edit->found + size, edit->before + size, edit->size - size) == 0;
}

static int refuse_bytes(const struct plan *plan, const struct target *target, const struct edit *edit)
{
	uint64_t address;

	if (has_probe(plan, edit, &address))
		return fail(ESTALE, "%s: %s has a breakpoint at 0x%" PRIx64 ", in the bytes that nsb changes: a uprobe"
			    " of perf, bpftrace or the like, which has to be taken out first", target_name(target),
			    edit->name, address);
	return fail(ESTALE, "%s: the code of %s at 0x%" PRIx64 " is not what it should be"
		    " (changed by another patcher, or a breakpoint?)", target_name(target), edit->name,
		    edit->address);
}

int plan_verify(struct plan *plan, const struct target *target)
{
	struct code_window window = { 0 };

	for (size_t i = 0; i < plan->n_edits; i++) {
		struct edit *edit = &plan->edits[i];
		const struct mapping *m = maps_find(&target->maps, edit->address);

		/* The kernel gives a page of its own to who writes to a private mapping only. */
		if (m != NULL && !m->is_private)
			return fail(ESTALE, "%s: the code of %s at 0x%" PRIx64 " is mapped MAP_SHARED: it cannot be"
				    " changed for this process alone", target_name(target), edit->name,
				    edit->address);
		if (read_edit(target, &window, edit) != 0)
			return fail(ESTALE, "%s: the code of %s at 0x%" PRIx64 " cannot be read",
				    target_name(target), edit->name, edit->address);
		if (memcmp(edit->found, edit->before, edit->size) != 0 &&
		    memcmp(edit->found, edit->halfway, edit->size) != 0 && !was_probed(plan, edit))
			return refuse_bytes(plan, target, edit);
	}
	return 0;
}

/* ---- ranges ---- */

static int add_range(struct plan *plan, uint64_t start, uint64_t end, const char *name)
{
	int err = ARRAY_GROW(&plan->ranges, plan->n_ranges, 1);

	if (err == 0)
		plan->ranges[plan->n_ranges++] = (struct code_range){ start, end, name, false };
	return err;
}

static void sort_ranges(struct plan *plan)
{
	ARRAY_SORT(plan->ranges, plan->n_ranges, start);
}

int plan_forbid(struct plan *plan, uint64_t start, uint64_t end, const char *name)
{
	int err = add_range(plan, start, end, name);

	sort_ranges(plan);
	return err;
}

/* How many bytes of an old function are forbidden: with ALLOW_ACTIVE those that the jump covers, else all. */
static uint64_t forbidden_size(const struct plan *plan, const struct record_func *func,
			       uint64_t size, uint64_t jump_offset)
{
	uint64_t jump = jump_offset + plan->arch->jump_size;

	return (func->flags & VZ_FUNC_ALLOW_ACTIVE) || size < jump ? jump : size;
}

/* Forbid the ways to where old activations go on in a patch: whoever lives there has one of them on its stack. */
static int forbid_goers(struct plan *plan, const struct record *record)
{
	int err = 0;

	for (uint32_t i = 0; i < record->head->n_funcs && err == 0; i++) {
		const struct record_func *func = &record->funcs[i];

		if (func->flags & VZ_FUNC_RESUME)
			err = add_range(plan, func->patch, func->patch + func->patch_size, record_string(record, func->name));
	}
	return err;
}

static int forbid_replaced(struct plan *plan, const struct generations *all,
			   const struct record *subject)
{
	int err = 0;

	for (uint32_t i = 0; i < subject->head->n_funcs && err == 0; i++) {
		const struct record_func *func = &subject->funcs[i];
		const char *name = record_string(subject, func->name);

		err = add_range(plan, func->target, func->target +
				forbidden_size(plan, func, func->target_size, func->jump_offset),
				name);
		for (size_t g = 0; g < all->records->count && err == 0; g++) {
			const struct record_func *old = replaces(generation(all, g), func->target);

			if (old != NULL)
				err = add_range(plan, old->patch, old->patch +
						forbidden_size(plan, func, old->patch_size,
							       old->patch_jump_offset), name);
			if (old != NULL && err == 0)
				err = forbid_goers(plan, generation(all, g));
		}
	}
	for (uint32_t i = 0; i < subject->head->n_ranges && err == 0; i++) {
		const struct record_range *range = &subject->ranges[i];

		if (range->func != RANGE_QUIET && !(subject->funcs[range->func].flags & VZ_FUNC_ALLOW_ACTIVE))
			err = add_range(plan, range->start, range->end, record_string(subject, range->name));
	}
	return err;
}

/* Forbid the functions that no thread may be in when hooks run, and what has replaced them. */
static int forbid_quiet(struct plan *plan, const struct generations *all, const struct record *subject)
{
	int err = 0;

	for (uint32_t i = 0; i < subject->head->n_ranges && err == 0; i++) {
		const struct record_range *range = &subject->ranges[i];
		const char *name = record_string(subject, range->name);

		if (range->func != RANGE_QUIET)
			continue;
		err = add_range(plan, range->start, range->end, name);
		for (size_t g = 0; g < all->records->count && err == 0; g++) {
			const struct record_func *func = replaces(generation(all, g), range->start);

			if (func != NULL)
				err = add_range(plan, func->patch, func->patch + func->patch_size, name);
		}
	}
	return err;
}

/*
 * Where a call returns to, and the jump of VZP_RESUME comes to lie, a thread may be: as a return address, which is looked up
 * less one, or as its next instruction.  Cut that out of all ranges.
 */
static int spare_place(struct plan *plan, uint64_t place, const char *name)
{
	int err = 0;

	for (size_t i = 0, count = plan->n_ranges; i < count && err == 0; i++) {
		const struct code_range range = plan->ranges[i];

		if (range.start > place || range.end < place || range.is_left)
			continue;
		plan->ranges[i].end = place - 1 > range.start ? place - 1 : range.start;
		if (range.end > place + 1)
			err = add_range(plan, place + 1, range.end, range.name);
	}
	if (err == 0)
		err = add_range(plan, place - 1, place + 1, name);
	if (err == 0)
		plan->ranges[plan->n_ranges - 1].is_left = true;
	return err;
}

static int spare_places(struct plan *plan, const struct record *record)
{
	int err = 0;

	for (uint32_t i = 0; i < record->head->n_funcs && err == 0; i++) {
		if (record->funcs[i].flags & VZ_FUNC_RESUME)
			err = spare_place(plan, record->funcs[i].target, record_string(record, record->funcs[i].name));
	}
	return err;
}

/* Whether the code at [start, start + size) may branch to [lo, hi).  If it cannot be read, it may. */
static bool may_branch(const struct target *target, uint64_t start, uint64_t size, uint64_t lo,
		       uint64_t hi)
{
	uint8_t *code = size > CODE_MAX ? NULL : malloc((size_t)size + 1);
	bool may = true;

	if (code != NULL && target_read(target, start, code, (size_t)size) == 0)
		may = target->arch->may_branch_to(code, (size_t)size, (int64_t)(lo - start),
						  (int64_t)(hi - start));
	free(code);
	return may;
}

/*
 * Refuse ALLOW_ACTIVE for a function whose old code may branch back to the bytes that the jump
 * covers, for example because a loop begins there.  A branch to the first of these bytes is
 * harmless: it leads to the new function, like a call.
 */
static int check_active(const struct target *target, const struct record *record, uint32_t index)
{
	const struct record_func *func = &record->funcs[index];
	uint64_t lo = func->target + func->jump_offset + 1, hi = lo - 1 + target->arch->jump_size;
	bool may;

	if (!(func->flags & VZ_FUNC_ALLOW_ACTIVE))
		return 0;
	may = may_branch(target, func->target, func->target_size, lo, hi);
	for (uint32_t i = 0; i < record->head->n_ranges; i++) {
		const struct record_range *range = &record->ranges[i];

		if (range->func == index)
			may = may || may_branch(target, range->start, range->end - range->start,
						lo, hi);
	}
	return !may ? 0 :
	       fail(ESTALE, "%s: %s may loop back into its first bytes, where the jump to the new code"
		    " comes to lie: no thread may be in it (it is marked allow-active)",
		    target_name(target), record_string(record, func->name));
}

/* ---- the unwinder ---- */

/* Find the unwind tables of a patch that is in the process.  Its image begins behind its record. */
static int find_patch_table(const struct record *record, const struct target *target,
			    struct cfi_table *table)
{
	const struct record_head *head = record->head;
	struct elf elf;
	int err = elf_open_headers(&elf, target->memory, head->address + page_up(head->size, target->page));

	*table = (struct cfi_table){ .start = head->address, .end = head->address + head->mapped };
	if (err == -ENOMEM)
		return err;
		/* If it has no tables, stacks with its frames are not proven, and are scanned. */
	msg_forget();
	for (size_t i = 0; err == 0 && i < elf.n_phdrs; i++) {
		const struct elf_phdr *ph = &elf.phdrs[i];

		if (ph->type != PT_GNU_EH_FRAME)
			continue;
		table->hdr = head->patch_bias + ph->vaddr;
		table->hdr_size = ph->memsz;
	}
	if (err == 0)
		elf_deinit(&elf);
	return 0;
}

static int add_patch_tables(const struct records *records, const struct target *target,
			    struct cfi_table **tables, size_t *count)
{
	int err = ARRAY_GROW(tables, *count, records->count);

	for (size_t i = 0; i < records->count && err == 0; i++)
		err = find_patch_table(&records->all[i], target, &(*tables)[(*count)++]);
	if (err == 0)
		ARRAY_SORT(*tables, *count, start);
	return err;
}

static int make_unwinder(struct plan *plan, const struct target *target,
			 const struct objects *objects, const struct records *records)
{
	struct unwind_setup setup = { .arch = target->arch, .memory = target->memory,
				      .peek = target_peek, .guard = target_guard_above };
	struct unwind_mapping *mappings = calloc(target->maps.count, sizeof(*mappings));
	struct cfi_table *tables = NULL;
	int err;

	if (mappings == NULL)
		return fail(ENOMEM, "out of memory");
	for (size_t i = 0; i < target->maps.count; i++) {
		const struct mapping *m = &target->maps.all[i];
		/* Above where the first stack began are arguments and the auxiliary vector: AT_ENTRY returns nowhere. */
		bool is_first = target->maps.stack > m->start && target->maps.stack < m->end;

		if (m->prot != 0)
			mappings[setup.n_mappings++] = (struct unwind_mapping){
				.start = m->start, .end = is_first ? target->maps.stack : m->end,
				.executable = (m->prot & PROT_EXEC) != 0,
				.hides_callers = strcmp(m->path, "[uprobes]") == 0,
			};
	}
	setup.mappings = mappings;
	err = objects_cfi_tables(objects, target, &tables, &setup.n_tables);
	if (err == 0)
		err = add_patch_tables(records, target, &tables, &setup.n_tables);
	setup.tables = tables;
	if (err == 0)
		err = unwinder_create(&plan->unwinder, &setup);
	free(tables);
	free(mappings);
	return err;
}

int plan_renew_unwinder(struct plan *plan, const struct target *target, const struct objects *objects,
			const struct records *records)
{
	struct unwinder *old = plan->unwinder;
	int err;

	plan->unwinder = NULL;
	err = make_unwinder(plan, target, objects, records);
	if (err != 0)
		plan->unwinder = old;
	else
		unwinder_destroy(old);
	return err;
}

static int finish(struct plan *plan, const struct target *target, const struct objects *objects,
		  const struct records *records)
{
	sort_ranges(plan);
	return make_unwinder(plan, target, objects, records);
}

/* ---- apply ---- */

struct resolve_context {
	struct target *target;
	const struct objects *objects;
	const struct object *object;
};

static int lacks(const struct resolve_context *context, const struct link_symbol *symbol)
{
	return fail(ESTALE, "%s: the patch needs %s%s%s, which no object of the process defines",
		    target_name(context->target), symbol->name,
		    symbol->version[0] != '\0' ? "@" : "", symbol->version);
}

static int resolve(const struct link_symbol *symbol, uint64_t *address, void *ctx)
{
	const struct resolve_context *context = ctx;
	int err = symbol_find(context->objects, context->target, context->object, symbol->name,
				  symbol->version, address);

	if (err == -EAGAIN)
		return remote_run_resolver(context->target, *address, address);
	if (err != -ENOENT)
		return err;
	if (symbol->weak) {
		*address = 0;
		return 0;
	}
	return lacks(context, symbol);
}

static int resolve_tls(const struct link_symbol *symbol, uint64_t offset, struct link_tls *tls,
		       void *ctx)
{
	const struct resolve_context *context = ctx;
	int err;

	if (symbol == NULL)
		return tls_find(context->objects, context->target, context->object, "a variable",
				offset, tls);
	err = symbol_find_tls(context->objects, context->target, context->object, symbol->name,
				  symbol->version, tls);
	return err == -ENOENT ? lacks(context, symbol) : err;
}

/* Extend [*lo, *hi) to what is at [start, end). */
static void include(uint64_t *lo, uint64_t *hi, uint64_t start, uint64_t end)
{
	*lo = start < *lo ? start : *lo;
	*hi = end > *hi ? end : *hi;
}

/*
 * What of the object the patch has to reach, by displacements of 32 bits: all of its code, for
 * the jumps, and what the patch's own code refers to in this way.  The object may be larger: an
 * executable can have gigabytes of static data, which its code reaches by addresses of 64 bits.
 */
static void bound_needed(const struct object *object, const struct patchfile *patch, uint64_t *lo,
			 uint64_t *hi)
{
	const struct elf *elf = &object->elf;

	*lo = UINT64_MAX;
	*hi = 0;
	for (size_t i = 0; i < elf->n_phdrs; i++) {
		const struct elf_phdr *ph = &elf->phdrs[i];

		if (ph->type == PT_LOAD && (ph->flags & PF_X))
			include(lo, hi, elf->bias + ph->vaddr, elf->bias + ph->vaddr + ph->memsz);
	}
	for (size_t i = 0; i < patch->meta.n_places; i++) {
		const struct vz_place *place = &patch->meta.places[i];
		uint64_t address = elf->bias + place->target_addr;

		if (place->kind == VZ_PLACE_PCREL && place->width == 4 && address >= elf->lo && address < elf->hi)
			include(lo, hi, address, address + 1);
	}
}

/*
 * Choose the address of the image.  On an ABI whose displacements wrap, it may be anywhere.  On
 * others it has to be within reach (2 GiB on amd64) of all of the object that it patches, or at least of what it
 * has to reach there, and of the patches that it may have to jump to or be jumped to from.
 */
static int choose_place(struct plan *plan, const struct target *target,
			const struct object *object, const struct records *records,
			const struct patchfile *patch)
{
	const struct bridge *bridge = &plan->bridge;
	struct hole hole = {
		.size = plan->mapped, .page = target->page, .last = UINT64_MAX,
		.near_lo = object->elf.lo, .near_hi = object->elf.hi,
		.top = target->arch->user_top,
		.reach = target->arch->reach == 0 ? 0 :
			 target->arch->reach - plan->mapped - REACH_MARGIN,
	};
	int err = -ENOSPC;

	if (bridge->is_needed)
		bridge_bound(bridge, target->page, plan->mapped - plan->stack - bridge_size(bridge, target->arch, target->page),
			     &hole.first, &hole.last);
	for (int attempt = 0; attempt < 2 && err == -ENOSPC; attempt++) {
		msg_forget();
		if (attempt == 1)
			bound_needed(object, patch, &hole.near_lo, &hole.near_hi);
		for (size_t i = 0; i < records->count; i++) {
			const struct record_head *head = records->all[i].head;

			if (head->object_base == object->elf.lo && records->all[i].untrue == NULL)
				include(&hole.near_lo, &hole.near_hi, head->address,
					head->address + head->mapped);
		}
		err = maps_find_hole(&target->maps, &hole, &plan->address);
	}
	if (err != -ENOSPC || !bridge->is_needed)
		return err;
	msg_forget();
	const struct vz_func *func = &patch->meta.funcs[bridge->func];
	return fail(ESTALE, "%s: %s, and where a jump can lead then, 0x%" PRIx64 " to 0x%" PRIx64 ", is no room",
		    func->name, func->flags & VZ_FUNC_SHORT ? "it is too small for a jump, whose last bytes have to be"
		    " what lies behind it" : "its first bytes lie across the end of a page: only those before it can"
		    " change in one store", bridge->lo, bridge->hi);
}

static int make_record(struct plan *plan, const struct object *object,
		       const struct records *records, const struct patchfile *patch)
{
	struct record_input input = {
		.patch = patch, .image = &plan->image, .arch = plan->arch,
		.bridge = &plan->bridge,
		.address = plan->address, .mapped = plan->mapped, .sequence = 1,
		.applied_at = (uint64_t)time(NULL), .object_base = object->elf.lo,
		.object_bias = object->elf.bias, .object_name = object_name(object),
		.stack = (uint32_t)plan->stack,
		.detours = plan->guides.detours, .n_detours = plan->guides.count,
	};

	for (size_t i = 0; i < records->count; i++) {
		if (records->all[i].untrue == NULL && records->all[i].head->sequence >= input.sequence)
			input.sequence = records->all[i].head->sequence + 1;
	}
	return record_make(&input, &plan->record);
}

/* Link the patch for plan->address, and make its record. */
static int lay_out(struct plan *plan, const struct resolve_context *context,
		   const struct records *records, const struct patchfile *patch, uint64_t head_size)
{
	struct link_resolver resolver = { resolve, resolve_tls, (void *)(uintptr_t)context };
	int err = link_image(patch, plan->arch, context->target->page, plan->address + head_size, context->object->elf.bias,
			     &resolver, &plan->image);

	if (err == 0)
		err = guides_lay(&plan->guides, context->target, &plan->image);
	if (err == 0)
		err = bridge_lay(&plan->bridge, plan->arch, patch, &plan->image);
	return err == 0 ? make_record(plan, context->object, records, patch) : err;
}

/* Whether nothing is mapped in [start, end). */
static bool is_free(const struct maps *maps, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < maps->count; i++) {
		if (maps->all[i].start < end && start < maps->all[i].end)
			return false;
	}
	return true;
}

/* Whether all of [start, end) is mapped, privately, with this protection and from no file. */
static bool is_mapped(const struct maps *maps, uint64_t start, uint64_t end, int prot)
{
	while (start < end) {
		const struct mapping *m = maps_find(maps, start);

		if (m == NULL || m->prot != prot || !m->is_private || m->inode != 0 || m->path[0] != '\0')
			return false;
		start = m->end;
	}
	return true;
}

/* Whether a segment of the image is in the target as it would be loaded.  -ENOMEM. */
static int compare_segment(const struct target *target, const struct link_image *image,
			   const struct link_segment *segment, bool *is_same)
{
	uint8_t *found = malloc((size_t)segment->size);

	if (found == NULL)
		return fail(ENOMEM, "out of memory");
	*is_same = target_read(target, image->base + segment->offset, found, (size_t)segment->size) == 0 &&
		   memcmp(found, image->bytes + segment->offset, (size_t)segment->size) == 0;
	free(found);
	return 0;
}

/* Whether two records of one patch at one place differ in nothing but when it was applied. */
static bool are_alike(const struct record *a, const struct record *b)
{
	const size_t fixed = offsetof(struct record_head, address);

	return a->head->size == b->head->size &&
	       memcmp(a->bytes + fixed, b->bytes + fixed, a->head->size - fixed) == 0;
}

/*
 * Find out whether what stayed of the patch at plan->address can be used again: each segment is
 * there as it would be loaded, so no variable of it has changed, or is gone, and its place is free.
 */
static int match_kept(struct plan *plan, const struct target *target, bool *matches)
{
	const uint64_t end = plan->address + plan->mapped;

	*matches = are_alike(plan->kept, &plan->record) && is_free(&target->maps, end - plan->stack, end);
	for (size_t i = 0; i < plan->image.n_segments && *matches; i++) {
		struct link_segment *segment = &plan->image.segments[i];
		const uint64_t start = plan->image.base + segment->offset, last = start + segment->size;
		int err = 0;

		segment->is_there = is_mapped(&target->maps, start, last, segment->prot);
		if (segment->is_there && !(segment->prot & PROT_EXEC))
			err = compare_segment(target, &plan->image, segment, matches);
		else
			*matches = is_free(&target->maps, start, last);
		if (err != 0)
			return err;
	}
	return 0;
}

/*
 * Plan to use what stayed of the same patch when it was reverted.  If there is nothing, or it is
 * not as it was loaded, plan->kept is NULL, and nothing is laid out.
 */
static int plan_reuse(struct plan *plan, const struct resolve_context *context,
		      const struct records *records, const struct patchfile *patch, uint64_t head_size)
{
	const struct vz_blob *id = &patch->meta.patch.build_id;
	const struct guides guides = plan->guides;	/* laying them out changes them */

	if (plan->bridge.is_needed || patch->meta.n_states > 0)
		return 0;
	for (size_t i = records->count; i-- > 0;) {
		const struct record_head *head = records->all[i].head;
		bool matches;
		int err;

		if (head->state != RECORD_KEPT || head->object_base != context->object->elf.lo ||
		    head->mapped != plan->mapped || head->patch_id_size != id->size ||
		    memcmp(head->patch_id, id->data, (size_t)id->size) != 0)
			continue;
		plan->kept = &records->all[i];
		plan->address = head->address;
		err = lay_out(plan, context, records, patch, head_size);
		if (err == 0)
			err = match_kept(plan, context->target, &matches);
		if (err != 0 || matches)
			return err;
		link_image_deinit(&plan->image);
		record_deinit(&plan->record);
		plan->guides = guides;
		plan->kept = NULL;
	}
	return 0;
}

int plan_apply(struct plan *plan, struct target *target, const struct objects *objects,
	       const struct object *object, const struct records *records,
	       const struct patchfile *patch)
{
	struct resolve_context context = { target, objects, object };
	struct generations all = { target->arch, records, &plan->record };
	uint64_t head_size;
	int err;

	*plan = (struct plan){ .arch = target->arch };
	err = guides_find(&plan->guides, target, objects, object, records, patch);
	head_size = page_up(record_size(patch, object_name(object), plan->guides.count), target->page);
	bridge_find(&plan->bridge, target->arch, object->elf.bias, patch);
	plan->stack = patch->meta.n_hooks > 0 ? HOOK_STACK : 0;
	plan->mapped = head_size + link_size(patch, target->page) + guides_size(&plan->guides, target->page) +
		       bridge_size(&plan->bridge, target->arch, target->page) + plan->stack;
	if (err == 0)
		err = plan_reuse(plan, &context, records, patch, head_size);
	if (err == 0 && plan->kept == NULL)
		err = choose_place(plan, target, object, records, patch);
	if (err == 0 && plan->kept == NULL)
		err = lay_out(plan, &context, records, patch, head_size);
	if (err == 0)
		err = plan_edits(plan, &all, &plan->record, &plan->record, NULL);
	for (uint32_t i = 0; err == 0 && i < plan->record.head->n_funcs; i++)
		err = check_active(target, &plan->record, i);
	if (err == 0)
		err = forbid_replaced(plan, &all, &plan->record);
	if (err == 0)
		err = forbid_quiet(plan, &all, &plan->record);
	if (err == 0)
		err = spare_places(plan, &plan->record);
	if (err == 0)
		err = finish(plan, target, objects, records);
	if (err != 0)
		plan_deinit(plan);
	return err;
}

int plan_join(struct plan *into, struct plan *from)
{
	int err = ARRAY_GROW(&into->ranges, into->n_ranges, from->n_ranges);

	if (err == 0)
		err = ARRAY_GROW(&into->edits, into->n_edits, from->n_edits);
	if (err != 0)
		return err;
	for (size_t i = 0; i < from->n_ranges; i++)
		into->ranges[into->n_ranges++] = from->ranges[i];
	for (size_t i = 0; i < from->n_edits; i++)
		into->edits[into->n_edits++] = from->edits[i];
	from->n_ranges = from->n_edits = 0;
	sort_ranges(into);
	return 0;
}

int plan_join_ranges(struct plan *into, struct plan *from)
{
	struct edit *edits = from->edits;
	size_t n_edits = from->n_edits;
	int err;

	from->n_edits = 0;
	err = plan_join(into, from);
	from->edits = edits;
	from->n_edits = n_edits;
	return err;
}

/* ---- revert ---- */

/* Whether `found` is the jump from one address to another.  A debugger may have set a breakpoint on it. */
static bool is_jump(const struct arch *arch, uint64_t from, uint64_t to, const uint8_t *found)
{
	uint8_t jump[JUMP_MAX];

	if (arch->jump(from, to, jump) != 0)
		return false;
	if (memcmp(found, arch->breakpoint, arch->breakpoint_size) == 0)
		memcpy(jump, found, arch->breakpoint_size);
	return memcmp(found, jump, arch->jump_size) == 0;
}

/* The same for a jump of which a uprobe, when it went, put back the first byte that the file has. */
static bool is_jump_after_probe(const struct arch *arch, const struct record_func *func, const uint8_t *found)
{
	const unsigned size = arch->breakpoint_size;
	uint8_t jump[JUMP_MAX];

	return arch->jump(func->target + func->jump_offset, func->via, jump) == 0 &&
	       memcmp(found, func->target_old, size) == 0 &&
	       memcmp(found + size, jump + size, arch->jump_size - size) == 0;
}

/*
 * The younger record of a function to which the jump `found` at `address` leads: to its
 * bridge from the target's function, to its code from an older generation.
 */
static const struct record *find_younger(const struct records *records, const struct record *record,
					 const struct record_func *func, const struct arch *arch,
					 uint64_t address, const uint8_t *found)
{
	bool is_target = address == func->target + func->jump_offset;

	for (const struct record *other = record + 1; other < records->all + records->count; other++) {
		for (uint32_t k = 0; other->head->state != RECORD_KEPT && k < other->head->n_funcs; k++) {
			const struct record_func *younger = &other->funcs[k];

			if (younger->target == func->target &&
			    is_jump(arch, address, is_target ? younger->via : record_entry(younger), found))
				return other;
		}
	}
	return NULL;
}

/*
 * Whether the jump `found` at the start of the target's function leads to the code of an older patch, which
 * says the same of what the object's file has there.
 */
static bool leads_to_older(const struct records *records, const struct record *record,
			   const struct record_func *func, const struct arch *arch, const uint8_t *found)
{
	for (const struct record *other = records->all; other < record; other++) {
		if (other->head->state == RECORD_KEPT || other->is_gone || other->untrue != NULL)
			continue;
		for (uint32_t k = 0; k < other->head->n_funcs; k++) {
			const struct record_func *older = &other->funcs[k];

			if (older->target == func->target && older->jump_offset == func->jump_offset &&
			    memcmp(older->target_old, func->target_old, arch->jump_size) == 0 &&
			    is_jump(arch, func->target + func->jump_offset, older->via, found))
				return true;
		}
	}
	return false;
}

/* What the code of a replaced function tells of the record that names it. */
enum code_tells {
	CODE_REPLACED,		/* the jump is there */
	CODE_ORIGINAL,		/* it is as in the object's file, or as an older patch has made it */
	CODE_BYPASSED,		/* it jumps to a younger patch, which knew nothing of the record */
	CODE_OTHER,
};

/*
 * A function that was replaced begins with a jump to the record's function, or to one of a
 * younger patch; then the record's function begins with a jump to a younger one, too.  If that
 * begins as in the patch's file, the object was unloaded before the younger patch came.  Or
 * an nsb was killed between the two jumps: the younger patch is not applied then.
 */
static enum code_tells look_at_code(const struct records *records, const struct record *record,
				    const struct record_func *func, const struct target *target)
{
	const struct arch *arch = target->arch;
	uint64_t place = func->target + func->jump_offset, own_place = func->patch + func->patch_jump_offset;
	uint8_t found[JUMP_MAX], own[JUMP_MAX];
	const struct record *younger;
	unsigned size = arch->jump_size;

	if (target_read(target, place, found, size) != 0)
		return CODE_OTHER;
	if (memcmp(found, func->target_old, size) == 0)
		return CODE_ORIGINAL;
	if (is_jump(arch, place, func->via, found) || is_jump_after_probe(arch, func, found))
		return CODE_REPLACED;
	/* An nsb was killed before it wrote the jump, or when it had taken it out. */
	if (record->head->state != RECORD_APPLIED && leads_to_older(records, record, func, arch, found))
		return CODE_ORIGINAL;
	younger = find_younger(records, record, func, arch, place, found);
	if (younger == NULL || target_read(target, own_place, own, size) != 0)
		return CODE_OTHER;
	if (memcmp(own, func->patch_old, size) == 0)
		return younger->head->state == RECORD_LOADING ? CODE_REPLACED : CODE_BYPASSED;
	return find_younger(records, record, func, arch, own_place, own) != NULL ? CODE_REPLACED : CODE_OTHER;
}

static bool lies_within(uint64_t address, uint64_t start, uint64_t end)
{
	return address >= start && address < end;
}

/* Whether a function can be one that nsb replaced: its code is in the object, the new code in the patch's memory. */
static bool func_fits(const struct record_head *head, const struct record_func *func, const struct elf *object)
{
	uint64_t end = head->address + head->mapped;

	return lies_within(func->target, object->lo, object->hi) && lies_within(func->patch, head->address, end) &&
	       lies_within(func->via, head->address, end) && func->patch_size <= end - func->patch;
}

/* Find out whether a record of this object is a true one, and whether its jumps are still there. */
static void judge(const struct records *records, struct record *record, const struct object *object,
		  const struct target *target)
{
	const struct record_head *head = record->head;
	uint32_t tells[CODE_OTHER + 1] = { 0 };

	for (uint32_t i = 0; i < head->n_funcs; i++) {
		const struct record_func *func = &record->funcs[i];
		enum code_tells told = !func_fits(head, func, &object->elf) ? CODE_OTHER :
				       look_at_code(records, record, func, target);

		if (interrupt_is_over())
			return;
		tells[told]++;
		/* Only while a patch is applied or taken out some of its jumps may be there, and others not. */
		if (told == CODE_OTHER || (head->state == RECORD_APPLIED && tells[CODE_REPLACED] > 0 &&
					   tells[CODE_REPLACED] <= i)) {
			record->untrue = record_string(record, func->name);
			return;
		}
	}
	if (head->state == RECORD_APPLIED ? tells[CODE_REPLACED] > 0 : tells[CODE_BYPASSED] == 0)
		return;
	/* No patch replaces nothing, and an executable is never unloaded. */
	if (head->n_funcs == 0 || object->is_exe)
		record->untrue = head->n_funcs == 0 ? "" : record_string(record, record->funcs[0].name);
	else
		record->is_gone = true;
}

int plan_judge(struct records *records, const struct objects *objects, const struct target *target)
{
	int err = 0;

	for (size_t i = 0; i < records->count && err == 0; i++) {
		struct record *record = &records->all[i];
		const struct record_head *head = record->head;
		const struct object *object = objects_at(objects, head->object_base);

		record->untrue = NULL;
		record->is_gone = object == NULL || object->elf.lo != head->object_base ||
				  object->elf.build_id_size != head->object_id_size ||
				  memcmp(object->elf.build_id, head->object_id,
					 head->object_id_size) != 0;
		if (!record->is_gone && head->state != RECORD_KEPT)
			judge(records, record, object, target);
		err = interrupt_check();
	}
	return err;
}

static bool is_allowed(const struct allowed *allowed, const char *name)
{
	for (size_t i = 0; i < allowed->count; i++) {
		if (strcmp(allowed->names[i], name) == 0)
			return true;
	}
	return false;
}

/* Drop the ranges of functions in which threads may stay. */
static void allow_ranges(struct plan *plan, const struct allowed *allowed)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->n_ranges; i++) {
		if (is_allowed(allowed, plan->ranges[i].name))
			plan->keeps_memory = true;
		else
			plan->ranges[kept++] = plan->ranges[i];
	}
	plan->n_ranges = kept;
}

/*
 * Forbid what is executable between two addresses.  A word on a stack that points to data leads no
 * thread there; nor does one that points to the end of the code, where data begins.
 */
static int forbid_code(struct plan *plan, const struct target *target, uint64_t start, uint64_t end, const char *name)
{
	int err = 0;

	for (size_t i = 0; i < target->maps.count && err == 0; i++) {
		const struct mapping *m = &target->maps.all[i];

		if ((m->prot & PROT_EXEC) != 0 && m->start < end && m->end > start)
			err = add_range(plan, m->start > start ? m->start : start, m->end <= end ? m->end - 1 : end, name);
	}
	return err;
}

/*
 * Forbid all code of the patch, as a thread may be in any of it, also in functions that
 * replace none.  The ranges have the names of the functions that the record knows, for messages.
 */
static int forbid_patch(struct plan *plan, const struct target *target, const struct record *record,
			const struct allowed *allowed)
{
	const char *name = record_string(record, record->head->patch_name);
	uint64_t at = plan->address, end = plan->address + plan->mapped;
	int err = 0;

	for (uint32_t i = 0; i < record->head->n_funcs && err == 0; i++)
		err = add_range(plan, record->funcs[i].patch,
				record->funcs[i].patch + record->funcs[i].patch_size,
				record_string(record, record->funcs[i].name));
	if (err != 0)
		return err;
	sort_ranges(plan);
	for (size_t i = 0, named = plan->n_ranges; i < named && err == 0; i++) {
		struct code_range range = plan->ranges[i];

		if (range.start > at)
			err = forbid_code(plan, target, at, range.start, name);
		if (range.end > at)
			at = range.end;
	}
	if (err == 0 && at < end)
		err = forbid_code(plan, target, at, end, name);
	allow_ranges(plan, allowed);
	return err;
}

/* Whether a hook runs when the patch is taken out. */
static bool has_hook_of_revert(const struct record *record)
{
	for (uint32_t i = 0; i < record->head->n_hooks; i++) {
		if (record->hooks[i].kind >= VZ_HOOK_PRE_REVERT)
			return true;
	}
	return false;
}

/* Whether the patch may have given the address of one of its functions to the target. */
static bool may_be_handed_out(const struct record *record)
{
	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		if (record->funcs[i].flags & VZ_FUNC_ADDRESS_TAKEN)
			return true;
	}
	return false;
}

/* Whether a jump, or nsb, may ever have led to the patch.  One that nsb had just loaded when it was killed has never run. */
static bool may_have_run(const struct record *record, const struct target *target)
{
	const unsigned size = target->arch->jump_size;
	uint8_t found[JUMP_MAX];

	if (record->head->state != RECORD_LOADING || record->head->hook != 0)
		return true;
	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		const struct record_func *func = &record->funcs[i];

		if (target_read(target, func->target + func->jump_offset, found, size) != 0 ||
		    memcmp(found, func->target_old, size) != 0)
			return true;
	}
	return false;
}

static bool has_only_data_inside(const struct record *record)
{
	const uint32_t all = RECORD_CONSTANTS_INSIDE | RECORD_VARIABLES_INSIDE;

	return (record->head->data & all) == all;
}

bool plan_gives_away(const struct record *record)
{
	return may_be_handed_out(record) || !has_only_data_inside(record);
}

/* Whether data of the patch has to stay, as the program may point to it. */
static bool may_be_pointed_to(const struct record *record, const struct target *target)
{
	return !has_only_data_inside(record) && may_have_run(record, target);
}

static int plan_leaving(struct plan *plan, const struct target *target,
			const struct objects *objects, const struct records *records,
			const struct record *record, const struct allowed *allowed,
			const struct record *successor)
{
	struct generations all = { target->arch, records, successor };
	int err;

	*plan = (struct plan){ .arch = target->arch, .subject = record,
			       .address = record->head->address, .mapped = record->head->mapped,
			       .stack = record->head->stack,
			       .keeps_memory = may_be_handed_out(record),
			       .keeps_data = may_be_pointed_to(record, target) };
	err = record->is_gone ? 0 : plan_edits(plan, &all, record, NULL, record);
	if (err == 0)
		err = forbid_patch(plan, target, record, allowed);
	if (err == 0 && !record->is_gone && has_hook_of_revert(record))
		err = forbid_quiet(plan, &all, record);
	if (err == 0)
		err = finish(plan, target, objects, records);
	if (err != 0)
		plan_deinit(plan);
	return err;
}

int plan_revert(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, const struct record *record,
		const struct allowed *allowed)
{
	return plan_leaving(plan, target, objects, records, record, allowed, NULL);
}

int plan_retire(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, struct record *record,
		const struct allowed *allowed, const struct plan *successor)
{
	int err = plan_leaving(plan, target, objects, records, record, allowed,
			       &successor->record);

	record->has_left = err == 0;
	return err;
}

int plan_check_passing(const struct plan *plan, const struct records *records, const struct target *target)
{
	const struct record *record = &plan->record;

	for (uint32_t i = 0; i < record->head->n_funcs; i++) {
		const struct record_func *func = &record->funcs[i], *other;

		for (size_t k = 0; k < records->count; k++) {
			const struct record *older = &records->all[k];

			if ((other = replaces(older, func->target)) == NULL || !((func->flags | other->flags) & VZ_FUNC_PASSES))
				continue;
			return fail(EINVAL, "%s: %s replaces %s, too, and %s goes on in the target's own code of it: they cannot be applied"
				    " together (make one patch of both, and use --replace)", target_name(target),
				    record_string(older, older->head->patch_name), record_string(record, func->name),
				    record_string(func->flags & VZ_FUNC_PASSES ? record : older,
						  (func->flags & VZ_FUNC_PASSES ? record : older)->head->patch_name));
		}
	}
	return 0;
}

void plan_deinit(struct plan *plan)
{
	link_image_deinit(&plan->image);
	record_deinit(&plan->record);
	guides_deinit(&plan->guides);
	free(plan->edits);
	free(plan->ranges);
	unwinder_destroy(plan->unwinder);
	*plan = (struct plan){ 0 };
}
