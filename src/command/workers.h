/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers: children of nsb that do its work on processes.
 *
 * Whoever owns a process decides what its memory holds, and may use that to keep nsb from the
 * processes of others.  So nsb itself reads no process.  A child of it does.  The child has a
 * limit of time for each process, a limit of memory, no descriptor of nsb's but stderr, and no
 * capability that the work does not need.  If a process takes it longer, nsb kills the child,
 * which is safe for the process at any instant (docs/safety.md), and makes another child for
 * the next process.
 *
 * While all goes well, one child works on all processes, one after another.  When it has worked
 * on one for PATIENCE_MS, another child begins with the next process, beside it.  At
 * most WORKERS_MAX children work at once.
 *
 * Ctrl-Z and SIGSTOP stop nsb, and not its children: each finishes the process that it works on.
 * If it does not, a timer of the kernel kills it.  If nsb is killed, the kernel kills its
 * children, too (PR_SET_PDEATHSIG).
 */
#ifndef NSB_WORKERS_H
#define NSB_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define WORKERS_MAX 8

enum item_fate {
	ITEM_DONE,		/* `result` and `text` are valid */
	ITEM_LATE,		/* it took longer than item_ms, and the child was killed */
	ITEM_DIED,		/* signal `detail` ended the child that worked on it */
	ITEM_NOT_TRIED,		/* nsb was interrupted before a child began with it */
};

/* The work, on `count` items that are numbered from 0, for example processes. */
struct workers {
	size_t count;
	/*
	 * How long a child may work on one item.  An item that fails because its child waited for a
	 * processor for half of that time is done again when all others have been begun, if it is not the only one.
	 */
	unsigned item_ms;
	/*
	 * Bytes of address space that a child may add to nsb's own.  An item that fails because that
	 * was short is done again when all others have been begun: one such item at a time, by a child
	 * that may add more_memory, and beside which few others work.  So is an item that is the only one.
	 */
	size_t memory, more_memory;
	uint64_t rights;	/* capabilities that a child keeps, a bit each: capabilities(7) */
	size_t result_size;	/* bytes of `result` below */
	void *ctx;
	/*
	 * A child calls this to work on an item.  *result is zeroed; nsb gets it, and the text
	 * that is printed on stdout meanwhile.
	 */
	void (*work)(void *ctx, size_t item, void *result);
	/* The error that the result has, as -errno, or 0.  -EBUSY: more time might have prevented it. */
	int (*error)(const void *result);
	/*
	 * nsb calls this for each item, in the order of their numbers, with what the child has
	 * answered; for those that were done again at last.  A hostile process may have taken over
	 * the child, so nothing in *result is to be trusted: a string there may have no end.
	 */
	void (*tell)(void *ctx, size_t item, enum item_fate fate, int detail, void *result,
		     const char *text, size_t text_size);
};

/*
 * Have all items worked on.  After SIGINT, SIGTERM or SIGHUP (interrupt.h) the children undo
 * what they have begun, and the items that are left are ITEM_NOT_TRIED.  -ENOMEM, -EAGAIN and
 * errors of confining a child, with a message: no child can work.
 */
int workers_run(const struct workers *workers) MUST_CHECK;

#endif
