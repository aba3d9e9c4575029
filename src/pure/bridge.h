/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge: replaced functions whose first bytes lie across the end of a page.
 *
 * A jump there would be two stores, and an nsb that is killed between them would leave
 * half of one.  So only the bytes before the end of the page change: the displacement
 * of the jump ends in the bytes that stand behind it.  These say roughly (one byte
 * behind the end: within 16 MiB) or exactly (four) where the jump leads, and the memory
 * of the patch is laid so that a second jump, the bridge, stands there and leads on.
 */
#ifndef NSB_BRIDGE_H
#define NSB_BRIDGE_H

#include "link.h"

struct bridge {
	bool is_needed;
	size_t func;		/* of the patch's functions */
	uint64_t lo, hi;	/* run-time addresses that the jump can lead to, both included */
	uint64_t address;	/* of the bridge, when it is laid */
};

/* The first function of the patch that needs one; a patch has one bridge at most. */
void bridge_find(struct bridge *bridge, const struct arch *arch, uint64_t target_bias,
		 const struct patchfile *patch);
/* Bytes that it takes behind the image, a multiple of the page size; 0: is not needed. */
uint64_t bridge_size(const struct bridge *bridge, const struct arch *arch);
/*
 * The first and the last address that a page-aligned image may have of which the bridge
 * is `offset` bytes away; an empty range (first > last) where there is none.
 */
void bridge_bound(const struct bridge *bridge, uint64_t offset, uint64_t *first, uint64_t *last);
/* Add it to the image, at that offset.  -ENOMEM. */
int bridge_lay(struct bridge *bridge, const struct arch *arch, const struct patchfile *patch,
	       struct link_image *image) MUST_CHECK;

#endif
