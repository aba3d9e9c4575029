/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: computes all that will be done to a target, while the target runs.
 *
 * A plan says where the patch will be, and has its finished image and its record.  It says which
 * bytes change at which addresses, and which code no thread may be in when they change.
 *
 * The records in the target determine the bytes at the start of each function.  Example: a
 * patch A has replaced f, and then a patch B has.  B is the youngest, so both the target's f and
 * A's f (an older "generation" of f) begin with a jump to B's f.  B's f begins as in its file.
 * If B is taken out, the target's f jumps to A's f, and A's f begins as in its file again.
 */
#ifndef NSB_PLAN_H
#define NSB_PLAN_H

#include "bridge.h"
#include "guide.h"
#include "object.h"
#include "record.h"
#include "unwind.h"

#define ALLOWED_MAX 64

/* The functions that --allow-active names: threads that are in the old one may finish there. */
struct allowed {
	const char *names[ALLOWED_MAX];	/* not owned */
	size_t count;
};

/* Bytes of the target that nsb changes, all in one store. */
struct edit {
	uint64_t address;
	size_t size;
	uint8_t before[JUMP_MAX];	/* what has to be there */
	/* What may be there instead: an nsb may have died while it wrote, or a slot was bound meanwhile. */
	uint8_t halfway[JUMP_MAX];
	uint8_t after[JUMP_MAX];
	uint8_t found[JUMP_MAX];	/* what was there when plan_verify() looked last */
	const char *name;		/* of the function */
};

struct plan {
	const struct arch *arch;
	/* If a patch is to be applied: */
	struct link_image image;
	struct record record;
	struct guides guides;
	struct bridge bridge;
	const struct record *kept;	/* the patch was reverted, and what stayed of it is used again; or NULL */
	/* If a patch is to be taken out: */
	const struct record *subject;	/* its record */
	bool keeps_memory;		/* threads may be in it, or may come to it by an address */
	bool keeps_data;		/* the program may point to data of it; its code can go */
	/* In both cases: */
	uint64_t address, mapped;	/* the memory of the patch, with its record */
	uint64_t stack;			/* so much of it, at its end, is for the stack of hooks: HOOK_STACK, or 0 */
	struct edit *edits;
	size_t n_edits;
	struct code_range *ranges;	/* sorted by start */
	size_t n_ranges;
	struct unwinder *unwinder;
};

/*
 * Plan to apply `patch` to `object`.  If only the resolver of an IFUNC can tell what a symbol
 * means, it is run in the target.  Errors, with a message: -ESTALE, -ENOSPC, -ENOEXEC.
 */
int plan_apply(struct plan *plan, struct target *target, const struct objects *objects,
	       const struct object *object, const struct records *records,
	       const struct patchfile *patch) MUST_CHECK;
/*
 * Plan to take out the patch of `record`, which is one of `records`.  Threads may finish in
 * those of its functions that are `allowed`; its memory stays then.
 */
int plan_revert(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, const struct record *record,
		const struct allowed *allowed) MUST_CHECK;
void plan_deinit(struct plan *plan);
/* Whether the program may have an address of the patch's code or data, if any of it has run. */
bool plan_gives_away(const struct record *record);
/* Make its unwinder anew, for mappings and objects that have been read again. */
int plan_renew_unwinder(struct plan *plan, const struct target *target, const struct objects *objects,
			const struct records *records) MUST_CHECK;
/*
 * The same for a patch that --replace takes out, after `successor` has been applied.  The record
 * is marked, so that the plans for the next ones expect the bytes that are there without it.
 */
int plan_retire(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, struct record *record,
		const struct allowed *allowed, const struct plan *successor) MUST_CHECK;
/*
 * Refuse a patch whose new code of a function goes on in the old one (VZ_FUNC_PASSES) together with another patch of that
 * function: either would pass by the other.  Plans for patches that --replace takes out come before.
 */
int plan_check_passing(const struct plan *plan, const struct records *records, const struct target *target) MUST_CHECK;
/* Add an edit to a plan, and add a range that no thread may be in. */
int plan_add_edit(struct plan *plan, const struct edit *edit) MUST_CHECK;
int plan_forbid(struct plan *plan, uint64_t start, uint64_t end, const char *name) MUST_CHECK;
/* Let the edits from that index on be the first to be written. */
void plan_bring_forward(struct plan *plan, size_t first);
/*
 * Move the edits and the ranges of `from` to `into`, to be made in one stop.  `from` keeps its
 * image, its record and its memory.
 */
int plan_join(struct plan *into, struct plan *from) MUST_CHECK;
/* Move the ranges only.  The edits of `from` are made later in the same stop. */
int plan_join_ranges(struct plan *into, struct plan *from) MUST_CHECK;

/*
 * Compare the records with the code.  Set is_gone of those whose object was unloaded by
 * dlclose(3), and perhaps loaded anew.  Set `untrue` of those that cannot be true, as a function
 * that they replace does not begin with the jump: they are forged, or another program has
 * changed the code.  Neither count any more for the bytes at the start of functions.  -EBUSY, -EINTR:
 * the time was over.
 */
int plan_judge(struct records *records, const struct objects *objects, const struct target *target) MUST_CHECK;

/*
 * Check that the bytes of all edits are what the plan expects.  -ESTALE with a message: another
 * program has changed them, for example a debugger by a breakpoint.
 */
int plan_verify(struct plan *plan, const struct target *target) MUST_CHECK;

#endif
