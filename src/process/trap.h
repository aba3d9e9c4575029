/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap: stop a running thread when it comes to an address.
 *
 * A hardware breakpoint of that thread alone, made with perf_event_open(2)
 * rather than with ptrace(2): no text is written, no other thread meets it, and
 * it is gone when nsb is, whereas one in ptrace's debug registers would kill the
 * thread with SIGTRAP after nsb's death.  When it is hit, the kernel sends the
 * thread a signal that is ignored by default; the tracer sees that first and
 * takes it away.  The thread then stands before the instruction at the address.
 * It works once; where it cannot be had (no permission, no free debug register,
 * all such signals blocked) threads are met by chance instead.
 */
#ifndef NSB_TRAP_H
#define NSB_TRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

struct trap {
	int fd;			/* -1: not set */
	int number;		/* fd as it was last: what a signal on its way tells */
	int signal;		/* which says that it was hit */
};

#define NO_TRAP { .fd = -1, .number = -1 }

/*
 * Set a trap for a traced thread in place of the one that it has.  -errno, without
 * a message, where there can be none.
 */
int trap_arm(struct trap *trap, pid_t tid, uint64_t address) MUST_CHECK;
/* No trap any more; one that was hit already may still report. */
void trap_disarm(struct trap *trap);

/* Whether the signal that a thread in signal-delivery-stop is about to get comes from its trap. */
bool trap_was_hit(const struct trap *trap, pid_t tid, int signal);

#endif
