/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coroutine: finds contexts that swapcontext(3) has suspended.
 *
 * The stack of such a context belongs to no thread; only the program's own memory leads to it.
 * nsb finds the ucontext_t of glibc, which contains a pointer into itself, in private writable
 * memory of programs that use these functions.  It does not find contexts of other libraries,
 * setjmp(3), goroutines, and contexts that are made between the search and the stop.  A context
 * that was made and never ran is in no function yet.  The context of a coroutine that runs, or
 * has ended, is stale, and is skipped.  If its stack still looks as when it was suspended, nsb
 * cannot tell, and takes it for suspended: it refuses to patch now.
 */
#ifndef NSB_COROUTINE_H
#define NSB_COROUTINE_H

#include "object.h"
#include "unwind.h"

struct coroutines {
	uint64_t *contexts;	/* addresses in the target; owned */
	size_t count;
};

/*
 * Search the target, which may run.  -ENOMEM with a message.  What an earlier search found is
 * freed.
 */
int coroutines_find(struct coroutines *coroutines, const struct target *target,
		    const struct objects *objects) MUST_CHECK;
void coroutines_deinit(struct coroutines *coroutines);

/*
 * Whether a context may return into the ranges.  The target has to be stopped.  If one may,
 * verdict->safe is false, and *context is its address.
 */
int coroutines_check(const struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict,
		     uint64_t *context) MUST_CHECK;

/* Whether a suspended context goes on in [start, end), which a stack is in; coroutines_check() looks at it. */
bool coroutines_are_in(const struct coroutines *coroutines, const struct target *target, uint64_t start,
		       uint64_t end);

#endif
