/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect: what plans change so that the target's unwinder comes to the guides.
 */
#ifndef NSB_REDIRECT_H
#define NSB_REDIRECT_H

#include "plan.h"

/*
 * Let `into` also change what leads to the guides of `plans`, which come in their order:
 * before all else that it changes.
 */
int redirect_in(struct plan *into, struct plan *plans, size_t count, const struct target *target,
		const struct records *records) MUST_CHECK;
/*
 * The same for the records that plans[first..count) take out, after all else; the guides
 * of plans[0..first) have come in by then.  A patch that something unknown may lead to
 * keeps its memory.
 */
int redirect_out(struct plan *into, struct plan *plans, size_t first, size_t count,
		 const struct target *target, const struct records *records) MUST_CHECK;

#endif
