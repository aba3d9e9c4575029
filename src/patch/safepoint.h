/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safepoint: stops all threads of a target at a moment when none is inside given code.
 *
 * First the threads that sleep are stopped and checked, one by one.  A thread that was found
 * safe stays stopped, and so stays safe.  The threads that run are stopped last, so that they
 * stand still for the shortest time.
 */
#ifndef NSB_SAFEPOINT_H
#define NSB_SAFEPOINT_H

#include "coroutine.h"
#include "object.h"
#include "plan.h"
#include "target.h"
#include "unwind.h"

struct safepoint_limits {
	unsigned timeout_ms;
	unsigned retries;	/* attempts after the first one; UINT32_MAX: as many as the timeout allows */
};

/* How much there was to check, and how many attempts were made. */
struct safepoint_report {
	size_t threads, frames;
	unsigned attempts;
};

/* What is asked for.  All pointers belong to the caller. */
struct safepoint_request {
	struct target *target;
	struct plan *plan;			/* its unwinder is made anew when the process has loaded or closed objects */
	const struct objects *objects;		/* as they were when it was made */
	const struct records *records;
	struct coroutines *coroutines;		/* suspended ones are checked like threads */
	const struct code_range *ranges;	/* sorted by start */
	size_t n_ranges;
	const struct safepoint_limits *limits;
};

/*
 * Stop all threads at a safe point.  -EBUSY, with a message that names a thread, its function and
 * its stack: there was none in time.  The threads run on then, and nsb still traces them.
 */
int safepoint_reach(const struct safepoint_request *request,
		    struct safepoint_report *report) MUST_CHECK;

#endif
