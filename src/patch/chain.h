/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain: the guides that a diverted place of the target leads to, each to the next one (guide.h).
 *
 * The records do not say how the guides are linked, as an nsb may have been killed while it
 * changed that.  So the chain is read from the target, from the place to the last guide.
 */
#ifndef NSB_CHAIN_H
#define NSB_CHAIN_H

#include "record.h"

struct chain {
	const struct record_detour **links;	/* owned; in the order in which their guides are called */
	size_t count;
};

/* Make room for the guides of all records, and for `more`.  -ENOMEM with a message. */
int chain_init(struct chain *chain, const struct records *records, size_t more) MUST_CHECK;
/*
 * Add the guides that the place leads to.  Errors, without a message: -EFAULT, the place cannot
 * be read; -EINVAL, it leads to something that is no guide of ours.
 */
int chain_read(struct chain *chain, const struct target *target, const struct records *records,
	       const struct record_detour *at) MUST_CHECK;
/* Find a record's detour for the same place.  If `guide` is not 0, it has to be the one with its guide there. */
const struct record_detour *chain_find(const struct records *records, const struct record_detour *like,
				     uint64_t guide);
/* Write the bytes of a place that leads to that guide.  -ERANGE without a message: a jump cannot reach it. */
int chain_lead(const struct arch *arch, const struct record_detour *detour, uint64_t guide,
	       uint8_t *out) MUST_CHECK;

#endif
