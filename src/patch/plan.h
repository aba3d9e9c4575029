/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: all that will be done to a target, computed while it runs.
 *
 * Where the patch goes, its finished image, its record; which bytes change at
 * which places; and the code that no thread may be in while they do.
 *
 * What stands at the start of a function is a pure function of the records: the
 * youngest patch of it (its top) has a jump to its code at the target's own
 * function and at the function of every older patch of it ("generation"); the
 * top's own start is as its file has it.
 */
#ifndef NSB_PLAN_H
#define NSB_PLAN_H

#include "bridge.h"
#include "guide.h"
#include "object.h"
#include "record.h"
#include "unwind.h"

#define ALLOWED_MAX 64

/* Functions named by --allow-active: threads may finish in their old body. */
struct allowed {
	const char *names[ALLOWED_MAX];	/* not owned */
	size_t count;
};

/* Bytes of the target that nsb changes, all in one store. */
struct edit {
	uint64_t address;
	size_t size;
	uint8_t before[JUMP_MAX];	/* what has to be there */
	uint8_t halfway[JUMP_MAX];	/* what may be there instead, if an nsb died while it wrote */
	uint8_t after[JUMP_MAX];
	uint8_t found[JUMP_MAX];	/* what was there when plan_verify() looked last */
	const char *name;		/* of the function */
};

struct plan {
	const struct arch *arch;
	/* of a patch to be applied */
	struct link_image image;
	struct record record;
	struct guides guides;
	struct bridge bridge;
	const struct record *subject;	/* the one that is taken out */
	bool keeps_memory;		/* threads may be in it, or may come there by its address */
	/* of either */
	uint64_t address, mapped;	/* the memory of the patch, record included */
	struct edit *edits;
	size_t n_edits;
	struct code_range *ranges;	/* sorted by start */
	size_t n_ranges;
	struct unwinder *unwinder;
};

/*
 * Plan to apply `patch` to `object`.  Where only an IFUNC's resolver can tell what
 * a symbol means, it is run in the target.  -ESTALE, -ENOSPC, -ENOEXEC with a message.
 */
int plan_apply(struct plan *plan, struct target *target, const struct objects *objects,
	       const struct object *object, const struct records *records,
	       const struct patchfile *patch) MUST_CHECK;
/*
 * Plan to take `record`, one of `records`, out again.  Threads may finish in its
 * functions that are `allowed`; its memory then stays.
 */
int plan_revert(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, const struct record *record,
		const struct allowed *allowed) MUST_CHECK;
void plan_deinit(struct plan *plan);
/*
 * The same for a record that leaves in favour of the patch of `successor`, which is
 * applied before: what others that leave later expect to find is counted without it.
 */
int plan_retire(struct plan *plan, const struct target *target, const struct objects *objects,
		const struct records *records, struct record *record,
		const struct allowed *allowed, const struct plan *successor) MUST_CHECK;
/* What else changes, and where else no thread may be. */
int plan_add_edit(struct plan *plan, const struct edit *edit) MUST_CHECK;
int plan_forbid(struct plan *plan, uint64_t start, uint64_t end, const char *name) MUST_CHECK;
/* Let the edits from that index on be the first to be written. */
void plan_bring_forward(struct plan *plan, size_t first);
/*
 * Let `into` have the edits and the ranges of `from` as well, to be done in one
 * stop; `from` keeps its image, record and memory.
 */
int plan_join(struct plan *into, struct plan *from) MUST_CHECK;
/* The ranges only: the edits are written later, in the same stop. */
int plan_join_ranges(struct plan *into, struct plan *from) MUST_CHECK;

/*
 * Mark the records whose object is not there any more, or was loaded anew: it was
 * dlclose'd.  They have no say in what stands at the start of functions.
 */
void plan_look_gone(struct records *records, const struct objects *objects,
		    const struct target *target);

/*
 * Does every edit's address hold what the plan says?  -ESTALE with a message: another
 * patcher, a breakpoint.
 */
int plan_verify(struct plan *plan, const struct target *target) MUST_CHECK;

#endif
