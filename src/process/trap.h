/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap: stops a running thread when it comes to an address.
 *
 * A trap is a hardware breakpoint of one thread, made by perf_event_open(2).  No code is
 * written for it, and no other thread meets it.  It disappears when nsb ends; a breakpoint in
 * ptrace's debug registers would stay, and kill the thread by SIGTRAP once nsb is dead.  When
 * the thread comes to the address, the kernel sends it a signal that is ignored by default.
 * The tracer sees the signal first, and takes it away.  The thread stands in front of the
 * instruction at the address then.  A trap works once.  It may not be possible: nsb may not use
 * perf_event_open(2), no debug register may be free, the machine may be a virtual one whose
 * breakpoints are never hit, the thread may block all such signals.
 * Then nsb stops the thread at random moments until it finds it in a good place.
 */
#ifndef NSB_TRAP_H
#define NSB_TRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "msg.h"

struct trap {
	int fd;			/* -1: there is no trap */
	int number;		/* the last fd, which a signal that is still on its way names */
	int signal;		/* the kernel sends this one */
};

#define NO_TRAP { .fd = -1, .number = -1 }

/*
 * Set a trap for a traced thread, in place of the one that it has.  -errno without a message:
 * it cannot have one.
 */
int trap_arm(struct trap *trap, pid_t tid, uint64_t address) MUST_CHECK;
/* Take the trap away.  If the thread has come to it already, the signal may still be on its way. */
void trap_disarm(struct trap *trap);

/* Whether the signal that a thread in signal-delivery-stop is about to get was sent by its trap. */
bool trap_was_hit(const struct trap *trap, pid_t tid, int signal);

#endif
