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
 * __builtin_setjmp, and goroutines.  A context that was made and never ran is in no function yet.
 *
 * The search is made before the stop, and again before each further attempt.  What is made between that and the stop
 * is not among the contexts that are checked.  Where there is little memory it is searched in the stop, too, and
 * `is_complete` is set.  Where there is more, nobody stands for it: coroutines_find_late() looks when the process
 * runs again.  By then no call leads into the old code any more, so the coroutines in it can only become fewer.
 *
 * The context of a coroutine that runs, or
 * has ended, is stale, and is skipped: on the stack of a thread that runs the thread's own frames
 * are what counts.  If its stack still looks as when it was suspended, nsb
 * cannot tell, and takes it for suspended: it refuses to patch now.
 */
#ifndef NSB_COROUTINE_H
#define NSB_COROUTINE_H

#include "object.h"
#include "unwind.h"

/* So much is searched in the stop: about 0.4 ms.  In bytes, as the time depends on what else the machine does. */
#define SEARCH_AGAIN_BYTES (1u << 20)

enum context_kind {
	CONTEXT_SWAPPED,	/* a ucontext_t of glibc */
	CONTEXT_MANGLED_JUMP,	/* a jmp_buf of glibc */
	CONTEXT_PLAIN_JUMP,	/* a jmp_buf of musl */
	CONTEXT_KINDS
};

struct context {
	uint64_t address;	/* in the target */
	enum context_kind kind;
	uint64_t pc, sp;	/* what it went on with when it was checked; 0: it was not suspended */
};

struct coroutines {
	struct context *contexts;	/* sorted by address, owned */
	size_t count;
	bool searched[CONTEXT_KINDS];	/* those that the program may have */
	uint64_t guard;		/* with which its C library mangles addresses */
	bool is_used;		/* the program may have contexts */
	bool is_too_large;	/* it was not searched */
	bool is_complete;	/* there are no others than those that were checked */
	uint64_t bytes;		/* so many were searched */
};

/* Whether there is so little memory that it is searched in the stop. */
static inline bool coroutines_are_quick(const struct coroutines *coroutines)
{
	return coroutines->bytes <= SEARCH_AGAIN_BYTES;
}

/*
 * Search the target, which runs, until `end` by now_ns().  Meanwhile signals of traced threads are passed on.
 * -ENOMEM and -EBUSY (it has more memory than could be searched until then) with a message.  What an earlier search found is freed.
 */
int coroutines_find(struct coroutines *coroutines, struct target *target,
		    const struct objects *objects, uint64_t end) MUST_CHECK;
void coroutines_deinit(struct coroutines *coroutines);
/* Search again before another attempt. */
int coroutines_renew(struct coroutines *coroutines, struct target *target,
		     const struct objects *objects, uint64_t end) MUST_CHECK;

/*
 * Whether a context may return into the ranges.  All threads have to be stopped, with the end
 * of each one's stack in stack_end.  If one may, verdict->safe is false, and *context is its address.
 * Sets is_complete.
 */
int coroutines_check(struct coroutines *coroutines, const struct target *target,
		     struct unwinder *unwinder, const struct code_range *ranges,
		     size_t n_ranges, struct unwind_verdict *verdict,
		     uint64_t *context) MUST_CHECK;

/*
 * Search again for contexts that may return into the ranges, while the process runs: for those that are not the same as
 * when coroutines_check() saw them.  The process's mappings have to be those of now.
 */
int coroutines_find_late(const struct coroutines *checked, struct target *target, const struct objects *objects,
			 struct unwinder *unwinder, const struct code_range *ranges, size_t n_ranges, uint64_t end,
			 struct unwind_verdict *verdict, uint64_t *context) MUST_CHECK;

/*
 * Whether the program seems to have coroutines at all.  Not counted is what looks like a ucontext_t and has no address of code, and
 * a jmp_buf of the C library itself, which has one on each thread's stack.
 */
bool coroutines_are_there(const struct coroutines *coroutines, const struct target *target,
			  const struct objects *objects);

/*
 * Whether a context that swapcontext suspended goes on in [start, end), which a stack is in; coroutines_check() looks
 * at it.  A jmp_buf is no proof: functions that were called later may be active below.
 */
bool coroutines_are_in(const struct coroutines *coroutines, const struct target *target, uint64_t start,
		       uint64_t end);

#endif
