/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt: SIGINT, SIGTERM and SIGHUP end a command, as long as it can be undone.
 *
 * The first such signal is noted.  The command calls interrupt_check() before each step, up to
 * the moment when the process is changed; after that it finishes.  The same signal once more
 * kills nsb, as SIGKILL would.  A deadline ends the command in the same way as the first signal,
 * that of --timeout for example.
 * SIGPIPE is ignored: if the reader of the output is gone, nsb finishes all the same.
 */
#ifndef NSB_INTERRUPT_H
#define NSB_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"

/* Note signals from now on.  A signal that is ignored stays so, SIGHUP under nohup(1) for example. */
void interrupt_init(void);
/*
 * Has the command to end, and to undo what it did?  -EINTR with a message: a signal was noted.
 * -EBUSY with a message: the deadline is over.  Every loop whose length the owner of a process
 * can choose calls this.
 */
int interrupt_check(void) MUST_CHECK;
/* Set the deadline, in ns by now_ns(); 0: there is none. */
void interrupt_deadline(uint64_t when);
/* While it is held, interrupt_check() returns 0 whatever happens: the undo must not be ended. */
void interrupt_hold(bool hold);
/*
 * Whether the deadline is over, and not held off.  Then reads of the target's memory fail, which
 * ends the loops that make them.
 */
bool interrupt_is_over(void);
/* The number of the signal that was noted, 0 if none was. */
int interrupt_is_noted(void);

#endif
