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

#include "coroutine.h"
#include "object.h"
#include "target.h"
#include "unwind.h"

struct safepoint_limits {
	unsigned timeout_ms;
	unsigned retries;	/* attempts after the first; UINT32_MAX: until the timeout */
};

/* What it took. */
struct safepoint_report {
	size_t threads, frames;
	unsigned attempts;
};

/* What is asked for.  Nothing is owned. */
struct safepoint_request {
	struct target *target;
	struct unwinder *unwinder;
	const struct objects *objects;		/* to name frames by */
	const struct coroutines *coroutines;	/* suspended ones count like threads */
	const struct code_range *ranges;	/* sorted by start */
	size_t n_ranges;
	const struct safepoint_limits *limits;
};

/*
 * On success all threads are stopped at a safe point.  -EBUSY with a message
 * that names thread, function and stack: none was found in time; the threads run on,
 * traced.
 */
int safepoint_reach(const struct safepoint_request *request,
		    struct safepoint_report *report) MUST_CHECK;

#endif
