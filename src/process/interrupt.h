/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt: SIGINT, SIGTERM and SIGHUP end a command where it can still be undone.
 *
 * The first one is only noted, and the command asks for it before each step until
 * the change is made; after that it finishes.  A second one kills nsb, as SIGKILL
 * does.  A time can be set at which the command is to end as well.  SIGPIPE is ignored: a reader that is gone is no reason to stop half way.
 */
#ifndef NSB_INTERRUPT_H
#define NSB_INTERRUPT_H

#include <stdint.h>

#include "msg.h"

/* From now on.  SIGHUP stays ignored where it was, nohup(1). */
void interrupt_init(void);
/* 0, or -EINTR with a message: the command is to end, and to undo what it did. */
int interrupt_check(void) MUST_CHECK;
/* The number of the signal that was noted, 0 if none was. */
int interrupt_is_noted(void);
/*
 * From `when` on, CLOCK_MONOTONIC in ns, interrupt_check() returns -EBUSY with a message.
 * Every loop whose length another process decides asks it.  0: at no time.
 */
void interrupt_deadline(uint64_t when);

#endif
