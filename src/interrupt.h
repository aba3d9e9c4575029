/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt: SIGINT, SIGTERM and SIGHUP end a command, as long as it can be undone.
 *
 * The first such signal is noted.  The command asks for it before each step, up to the moment
 * when the process is changed; after that it finishes.  A second signal kills nsb, as SIGKILL
 * would.  A time can be set at which the command is to end as well.  SIGPIPE is ignored: if the
 * reader of the output is gone, nsb finishes all the same.
 */
#ifndef NSB_INTERRUPT_H
#define NSB_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"

/* Note signals from now on.  If SIGHUP is ignored, it stays so, as nohup(1) wants it. */
void interrupt_init(void);
/* -EINTR, with a message, if such a signal came: the command has to end, and to undo what it did. */
int interrupt_check(void) MUST_CHECK;
/* While it is held neither a signal nor the time ends what is done: it is the undo. */
void interrupt_hold(bool hold);
/* Whether that time has come.  Reads of the process fail then, so that every loop of them ends. */
bool interrupt_is_over(void);
/* The number of the signal that was noted, 0 if none was. */
int interrupt_is_noted(void);
/*
 * From `when` on, CLOCK_MONOTONIC in ns, interrupt_check() returns -EBUSY with a message.
 * Every loop whose length another process decides asks it.  0: at no time.
 */
void interrupt_deadline(uint64_t when);

#endif
