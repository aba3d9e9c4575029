/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain: the guides that a place of the target leads to, one to the next (guide.h).
 *
 * The chain in the target is the truth of what is linked to what: it is walked, from
 * the place to its end, whatever a killed nsb has left.
 */
#ifndef NSB_CHAIN_H
#define NSB_CHAIN_H

#include "record.h"

struct chain {
	const struct record_hook **links;	/* owned; the first that is called comes first */
	size_t count;
};

/* Room for all the guides there are, and for `more`. */
int chain_init(struct chain *chain, const struct records *records, size_t more) MUST_CHECK;
/* Add what the place leads to.  -EFAULT: it is not there; -EINVAL: it leads to none of ours. */
int chain_read(struct chain *chain, const struct target *target, const struct records *records,
	       const struct record_hook *at) MUST_CHECK;
/* The hook of a record for the same place; with its guide at `guide`, unless that is 0. */
const struct record_hook *chain_find(const struct records *records, const struct record_hook *like,
				     uint64_t guide);
/* What a place holds if it leads to that guide.  -ERANGE without a message. */
int chain_lead(const struct arch *arch, const struct record_hook *hook, uint64_t guide,
	       uint8_t *out) MUST_CHECK;

#endif
