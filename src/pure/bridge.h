/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge: replaced functions whose first bytes lie across the end of a page, or that are shorter
 * than a jump.
 *
 * To write a jump there, nsb would need two stores, and if it were killed between them half of
 * a jump would be left.  So nsb changes only the bytes before the end of the page, and the last
 * bytes of the jump's displacement are the old bytes behind the end.  If one old byte remains,
 * the jump leads to somewhere within 16 MiB; if four remain, it leads to one address.  nsb
 * places the memory of the patch so that a second jump, the bridge, is at that address, and
 * leads on to the new function.
 *
 * The same is done for a function of less than five bytes at the end of .text: the last bytes of
 * the jump are then the first bytes of .fini, which nobody changes.
 */
#ifndef NSB_BRIDGE_H
#define NSB_BRIDGE_H

#include "link.h"

struct bridge {
	bool is_needed;
	size_t func;		/* index of the function that needs it */
	uint64_t lo, hi;	/* the jump can lead to run-time addresses from lo to hi, both included */
	uint64_t address;	/* of the bridge, once bridge_lay() has put it there */
};

/* Find the first function of the patch that needs a bridge.  A patch has one bridge at most. */
void bridge_find(struct bridge *bridge, const struct arch *arch, uint64_t target_bias,
		 const struct patchfile *patch);
/* The bytes that the bridge takes behind the image, a multiple of the page size; 0 if there is none. */
uint64_t bridge_size(const struct bridge *bridge, const struct arch *arch, uint64_t page);
/*
 * The first and the last address that the image may have, page-aligned, if the bridge is
 * `offset` bytes behind its start.  If there is no such address, *first > *last.
 */
void bridge_bound(const struct bridge *bridge, uint64_t page, uint64_t offset, uint64_t *first, uint64_t *last);
/* Append the bridge to the image.  Errors, with a message: -ENOMEM, -ENOEXEC. */
int bridge_lay(struct bridge *bridge, const struct arch *arch, const struct patchfile *patch,
	       struct link_image *image) MUST_CHECK;

#endif
