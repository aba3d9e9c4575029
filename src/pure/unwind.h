/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwind: may a stopped thread be inside, or return into, given code?
 *
 * Two engines answer this.  Our CFI evaluator serves all processes.  Where it proves nothing,
 * libunwind is asked as well, if the process has nsb's own ABI.  A stack is proven only if
 * every frame had unwind information and the last frame says that its return address is
 * undefined.  Where the information ends, the unwinder scans the rest of the stack, word by
 * word, for any address inside the ranges.  "Could not unwind" is never "safe".
 */
#ifndef NSB_UNWIND_H
#define NSB_UNWIND_H

#include <sys/types.h>

#include "arch.h"
#include "cfi.h"

#define UNWIND_MAX_ENDS 9	/* a thread's own walk, and those from 8 signal frames */

/* Code that no thread may be in: [start, end), run-time addresses. */
struct code_range {
	uint64_t start, end;
	const char *name;	/* of the function, for messages; not owned */
	bool is_left;		/* a thread may be here: at its next instruction it goes on in a patch (VZP_RESUME) */
};

/*
 * What the unwinder knows of a process.  It is made once, while the target runs, and is
 * used for every thread.  unwinder_create() copies the unwind tables, up to BUDGET_TABLES
 * bytes, so the unwinder answers for the objects that were loaded then; after a dlopen(3) or
 * dlclose(3) the caller makes a new one.  No file is opened, and our own engine allocates
 * nothing for a thread.
 */
struct unwinder;

/* A mapping of the target that grants any access: bounds for the word scan, and where code can be. */
struct unwind_mapping {
	uint64_t start, end;
	bool executable;
	bool hides_callers;	/* the kernel's [uprobes]: who returns there goes on elsewhere, and only the kernel knows where */
};

enum unwind_engines {
	UNWIND_BOTH = 0,
	/* The others are for tests, and to compare the engines. */
	UNWIND_OWN,
	UNWIND_LIBUNWIND,	/* as far as it has what it needs; from there on ours */
};

/*
 * A function that copies the memory of a stopped thread: as many of the `size` bytes at addr
 * as can be read.  It returns how many these are, 0 if it can read none.
 */
typedef size_t unwind_peek(pid_t tid, uint64_t addr, void *buf, size_t size);

/*
 * A function that finds where a stack ends inside a mapping: the first guard page of [start, end), of
 * which `start` is a page's, or `end`.  `memory_ctx` is that of the target's memory.
 */
typedef uint64_t unwind_guard(const void *memory_ctx, uint64_t start, uint64_t end);

struct unwind_setup {
	const struct arch *arch;
	struct bytes memory;		/* the target's memory, live */
	unwind_peek *peek;		/* a faster way to the stack of a thread; NULL: none */
	unwind_guard *guard;		/* NULL: stacks end where mappings do */
	const struct cfi_table *tables;	/* sorted by start, not overlapping; copied */
	size_t n_tables;
	const struct unwind_mapping *mappings;	/* sorted by start, not overlapping; copied */
	size_t n_mappings;
	enum unwind_engines engines;
};

int unwinder_create(struct unwinder **out, const struct unwind_setup *setup) MUST_CHECK;
void unwinder_destroy(struct unwinder *unwinder);
/*
 * The target has run since the last check.  From now on a table counts only if what was copied of it is still at its
 * place; code whose table is not is code without one.
 */
void unwinder_look_again(struct unwinder *unwinder);

/* One frame of a stack, for messages and tests. */
struct unwind_frame {
	uint64_t pc;
	bool exact;
	bool signal;
};

struct unwind_verdict {
	bool safe;
	bool proven;		/* it was unwound to the bottom; if not, the word scan decided */
	bool scan_hit;		/* the scan found a word in a range, which may be an old return address;
				   if range is NULL, the scan could not read the stack to its end */
	uint64_t hit;		/* the pc or return address that lies in a range */
	uint64_t hit_sp;	/* if proven: the CFA of the outermost frame in a range, its caller's SP */
	uint64_t hit_return;	/* if proven: where that frame returns to; 0 if it is the bottom frame */
	const struct code_range *range;	/* the range that was hit; NULL if safe */
	const struct code_range *left;	/* the last range with is_left that a frame is in; NULL: none is */
	bool hidden;		/* a frame returns through [uprobes], so that its caller cannot be seen */
	/* Where the walks ended: the stack pointer of the bottom frame, or where a scan began, or would have begun. */
	uint64_t ends[UNWIND_MAX_ENDS];
	size_t n_ends;
	size_t n_frames;
	uint64_t scanned;	/* so many bytes of the stack were scanned */
};

/*
 * Check one stopped thread, whose registers are `regs`, against `ranges`, which are sorted by
 * start.  The pc of the innermost frame, and of a frame that a signal interrupted, is compared
 * as it is; other frames are compared by their return address - 1, which lies in the call.
 * If frames is not NULL, up to max_frames frames are stored there.  -EIO, without a message,
 * means that the stack cannot be read, for example because the thread has ended; the caller
 * has to take that for "not safe".
 */
int unwind_check(struct unwinder *unwinder, pid_t tid, const struct regs *regs,
		 const struct code_range *ranges, size_t n_ranges,
		 struct unwind_verdict *verdict,
		 struct unwind_frame *frames, size_t max_frames) MUST_CHECK;

/*
 * The same for the saved registers of a coroutine, which no thread has.  If they lead to what is no code nobody uses
 * them, and the verdict is "safe".  What a signal has interrupted
 * on another stack is not looked at: a coroutine that was begun in a signal handler (sigaltstack(2)) goes on
 * behind the handler's end, when its thread has long gone on.
 */
int unwind_check_saved(struct unwinder *unwinder, pid_t tid, const struct regs *regs,
		       const struct code_range *ranges, size_t n_ranges,
		       struct unwind_verdict *verdict,
		       struct unwind_frame *frames, size_t max_frames) MUST_CHECK;

#endif
