/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coroutine: contexts that were suspended by swapcontext(3) and lie in memory.
 *
 * Such a stack is no thread's: nothing but the program's own memory leads to it.
 * What is found: the ucontext_t of the C library (glibc), which holds a pointer
 * into itself, in private writable memory of programs that use these functions.
 * What is not: contexts of other libraries, setjmp(3), goroutines, and those that
 * are made between the search and the stop.  One that was made and never ran is in
 * nobody's way.  A context whose coroutine runs, or has ended, is stale and passed
 * over, unless its stack still looks as it did: a doubt is answered with "not now".
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
 * Search the target, which may run.  -ENOMEM with a message.  Harmless on what was
 * found before.
 */
int coroutines_find(struct coroutines *coroutines, const struct target *target,
		    const struct objects *objects) MUST_CHECK;
void coroutines_deinit(struct coroutines *coroutines);

/*
 * With the target stopped: may one of them return into the ranges?  Then verdict->safe
 * is false, and *context is where it lies.
 */
int coroutines_check(const struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict,
		     uint64_t *context) MUST_CHECK;

#endif
