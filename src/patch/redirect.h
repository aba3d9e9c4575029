/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect: plans the edits by which the target's unwinder comes to the guides (guide.h).
 */
#ifndef NSB_REDIRECT_H
#define NSB_REDIRECT_H

#include "plan.h"

/*
 * Add to `into` the edits that lead to the guides of the new `plans`, one plan after the other.
 * They are made before all other edits of `into`.
 */
int redirect_in(struct plan *into, struct plan *plans, size_t count, const struct target *target,
		const struct records *records) MUST_CHECK;
/*
 * Add to `into` the edits that take out the guides of the records that plans[first..count) take
 * out.  They are made after all other edits; by then the guides of plans[0..first) are in.  If
 * something that nsb does not know may lead to a guide, its patch keeps its memory.
 */
int redirect_out(struct plan *into, struct plan *plans, size_t first, size_t count,
		 const struct target *target, const struct records *records) MUST_CHECK;

#endif
