/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safepoint: stop every thread of a target where none is inside given code.
 *
 * Threads that sleep are stopped and checked first, one by one; a thread that
 * is checked and still stopped stays safe.  Those that run are stopped last,
 * so that they stand still as shortly as can be.
 */
#ifndef NSB_SAFEPOINT_H
#define NSB_SAFEPOINT_H

#include "object.h"
#include "target.h"
#include "unwind.h"

struct safepoint_limits {
	unsigned timeout_ms;
	unsigned retries;	/* attempts after the first; UINT32_MAX: until the timeout */
};

/* What it took; times in nanoseconds of CLOCK_MONOTONIC. */
struct safepoint_report {
	size_t threads, frames;
	unsigned attempts;
	uint64_t first_stop;	/* when the first thread was asked to stop */
	uint64_t first_runner;	/* when the first running one was; 0 if none ran */
};

/*
 * On success all threads are stopped at a safe point.  -EBUSY with a message
 * that names thread, function and stack (frames by object, from `objects`): none was
 * found in time; the threads run on, traced.
 */
int safepoint_reach(struct target *target, struct unwinder *unwinder,
		    const struct objects *objects, const struct code_range *ranges,
		    size_t n_ranges, const struct safepoint_limits *limits,
		    struct safepoint_report *report) MUST_CHECK;

#endif
