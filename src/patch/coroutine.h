/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coroutine: finds what suspended coroutines go on with.
 *
 * The stack of such a coroutine belongs to no thread; only the program's own memory leads to it.  nsb
 * finds, in private writable memory of programs that use these functions, what swapcontext(3) saves,
 * the ucontext_t of glibc, which contains a pointer into itself; and what setjmp(3) saves, the
 * jmp_buf of glibc, whose addresses are mangled, and of musl, whose are not.  Coroutines that
 * siglongjmp(3) switches have come to their stack by swapcontext or by sigaltstack(2) once, so a
 * program that uses neither has none.  Not found are contexts of other libraries,
 * __builtin_setjmp, goroutines, and contexts that are made between the search and the stop; before each
 * attempt the search is made again, and where it takes less than SEARCH_AGAIN_NS in the stop, too.  A context
 * that was made and never ran is in no function yet.  The context of a coroutine that runs, or
 * has ended, is stale, and is skipped: on the stack of a thread that runs the thread's own frames
 * are what counts.  If its stack still looks as when it was suspended, nsb
 * cannot tell, and takes it for suspended: it refuses to patch now.
 */
#ifndef NSB_COROUTINE_H
#define NSB_COROUTINE_H

#include "object.h"
#include "unwind.h"

#define SEARCH_AGAIN_NS 300000u

enum context_kind {
	CONTEXT_SWAPPED,	/* a ucontext_t of glibc */
	CONTEXT_MANGLED_JUMP,	/* a jmp_buf of glibc */
	CONTEXT_PLAIN_JUMP,	/* a jmp_buf of musl */
	CONTEXT_KINDS
};

struct context {
	uint64_t address;	/* in the target */
	enum context_kind kind;
};

struct coroutines {
	struct context *contexts;	/* owned */
	size_t count;
	bool searched[CONTEXT_KINDS];	/* those that the program may have */
	uint64_t guard;		/* with which its C library mangles addresses */
	uint64_t took_ns;	/* the search; 0: there was none */
};

/*
 * Search the target, which may run, until `end` by now_ns().  -ENOMEM and -EBUSY (it has more memory than could
 * be searched until then) with a message.  What an earlier search found is freed.
 */
int coroutines_find(struct coroutines *coroutines, const struct target *target,
		    const struct objects *objects, uint64_t end) MUST_CHECK;
void coroutines_deinit(struct coroutines *coroutines);
/* Search again before another attempt. */
int coroutines_renew(struct coroutines *coroutines, const struct target *target,
		     const struct objects *objects, uint64_t end) MUST_CHECK;

/*
 * Whether a context may return into the ranges.  All threads have to be stopped, with the end
 * of each one's stack in stack_end.  If one may, verdict->safe is false, and *context is its address.
 */
int coroutines_check(struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict,
		     uint64_t *context) MUST_CHECK;

/*
 * Whether a context that swapcontext suspended goes on in [start, end), which a stack is in; coroutines_check() looks
 * at it.  A jmp_buf is no proof: functions that were called later may be active below.
 */
bool coroutines_are_in(const struct coroutines *coroutines, const struct target *target, uint64_t start,
		       uint64_t end);

#endif
