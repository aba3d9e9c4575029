/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers: what is done to processes, done by children of nsb.
 *
 * Whoever owns a process decides what its memory holds, and may do so to keep nsb from
 * all others.  So nsb itself reads no process.  A child does, with so much time for each
 * process, so much memory, no descriptor of nsb's, and no capability that the work does
 * not need.  A child that takes longer is killed: that is safe for the process at any
 * instant (docs/safety.md), and the next child goes on with the next process.
 *
 * One child does the work while all goes well.  Where a process takes longer than
 * PATIENCE_MS another child goes on behind it, WORKERS_MAX at once.
 *
 * Ctrl-Z and SIGSTOP stop nsb, not its children: each finishes the process it is at, and
 * the kernel kills it by a timer of its own if it does not.  Should nsb be killed, its
 * children are, too (PR_SET_PDEATHSIG).
 */
#ifndef NSB_WORKERS_H
#define NSB_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define WORKERS_MAX 8

enum item_fate {
	ITEM_DONE,		/* `result` and `text` are valid */
	ITEM_LATE,		/* its time was over */
	ITEM_DIED,		/* the child ended in it, by the signal `detail` */
	ITEM_NOT_TRIED,		/* nsb was interrupted before it was its turn */
};

/* What is to be done to `count` items, for example processes. */
struct workers {
	size_t count;
	unsigned item_ms;	/* time that an item may take */
	size_t memory;		/* bytes of address space that a child may add to nsb's own */
	uint64_t rights;	/* capabilities that a child keeps, a bit each: capabilities(7) */
	size_t result_size;	/* bytes of what the work on an item returns */
	void *ctx;
	/* In a child: do it.  `result` is zeroed; what is printed on stdout comes to `tell`. */
	void (*work)(void *ctx, size_t item, void *result);
	/*
	 * In nsb, one item after the other in their order: what came of it.  A child may have
	 * been led astray by what it read: strings of `result` must be ended before use.
	 */
	void (*tell)(void *ctx, size_t item, enum item_fate fate, int detail, void *result,
		     const char *text, size_t text_size);
};

/*
 * Do all items.  After SIGINT and its like (interrupt.h) children undo what they are at,
 * and the rest is ITEM_NOT_TRIED.  -ENOMEM, -EAGAIN: no child could be made.
 */
int workers_run(const struct workers *workers) MUST_CHECK;

#endif
