/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwind: may a stopped thread be inside, or return into, given code?
 *
 * Two engines behind one question: our CFI evaluator for all processes, and, where it
 * proves nothing, libunwind for those of nsb's own ABI.  A stack counts as proven only if every
 * frame had unwind information and the last one says that its return address
 * is undefined.  Where the information ends, the rest of the stack is scanned
 * word by word for any address inside the ranges.  "Could not unwind" is never
 * "safe".
 */
#ifndef NSB_UNWIND_H
#define NSB_UNWIND_H

#include <sys/types.h>

#include "arch.h"
#include "cfi.h"

#define UNWIND_MAX_FRAMES 4096

/* Code that no thread may be in: [start, end), run-time addresses. */
struct code_range {
	uint64_t start, end;
	const char *name;	/* function, for messages; not owned */
};

/*
 * What the unwinder knows of a process.  It is made once, while the target runs, and is
 * used for every thread.  unwinder_create() copies the unwind tables, so the unwinder answers
 * for the objects that were loaded then; after a dlopen(3) or dlclose(3) the caller makes a
 * new one.  No file is opened, and our own engine allocates nothing for a thread.
 */
struct unwinder;

/* A mapping of the target that grants any access: bounds for the word scan, and where code can be. */
struct unwind_mapping {
	uint64_t start, end;
	bool executable;
};

enum unwind_engines {
	UNWIND_BOTH = 0,
	/* For tests and to compare: */
	UNWIND_OWN,
	UNWIND_LIBUNWIND,	/* where it has what it needs; ours goes on from there */
};

/*
 * Copies the memory of a stopped thread: as many of `size` bytes as can be read from addr
 * on, and returns how many these are, 0 if it cannot read here.
 */
typedef size_t unwind_peek(pid_t tid, uint64_t addr, void *buf, size_t size);

struct unwind_setup {
	const struct arch *arch;
	struct bytes memory;		/* the target's memory, live */
	unwind_peek *peek;		/* a faster way to the stack of a thread; NULL: none */
	const struct cfi_table *tables;	/* sorted by start, not overlapping; copied */
	size_t n_tables;
	const struct unwind_mapping *mappings;	/* sorted by start, not overlapping; copied */
	size_t n_mappings;
	enum unwind_engines engines;
};

int unwinder_create(struct unwinder **out, const struct unwind_setup *setup) MUST_CHECK;
void unwinder_destroy(struct unwinder *unwinder);

/* One frame as seen, for messages and tests. */
struct unwind_frame {
	uint64_t pc;
	bool exact;
	bool signal;
};

struct unwind_verdict {
	bool safe;
	bool proven;		/* unwound to the bottom; else the word scan decided */
	bool scan_hit;		/* the word scan found an address (it may be a stale one), or, where
				   range is NULL, could not read the stack to its end */
	uint64_t hit;		/* the offending pc or return address */
	uint64_t hit_sp;	/* proven: CFA of the outermost offending frame: its caller's SP */
	uint64_t hit_return;	/* proven: where that frame returns to; 0 if it is the bottom one */
	const struct code_range *range;	/* where it lies; NULL when safe */
	size_t n_frames;
};

/*
 * Check one stopped thread whose registers are `regs` against `ranges` (sorted
 * by start).  The innermost frame and frames above a signal frame are compared
 * exactly, others by return address - 1.  If frames is not NULL, up to
 * max_frames of them are stored.  -EIO, without a message: the stack cannot be read, for
 * example because the thread has ended; the caller takes that for "not safe".
 */
int unwind_check(struct unwinder *unwinder, pid_t tid, const struct regs *regs,
		 const struct code_range *ranges, size_t n_ranges,
		 struct unwind_verdict *verdict,
		 struct unwind_frame *frames, size_t max_frames) MUST_CHECK;

#endif
