/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt: SIGINT, SIGTERM and SIGHUP end a command where it can still be undone.
 *
 * The first one is only noted, and the command asks for it before each step until
 * the change is made; after that it finishes.  A second one kills nsb, as SIGKILL
 * does.  SIGPIPE is ignored: a reader that is gone is no reason to stop half way.
 */
#ifndef NSB_INTERRUPT_H
#define NSB_INTERRUPT_H

#include "msg.h"

/* From now on.  SIGHUP stays ignored where it was, nohup(1). */
void interrupt_init(void);
/* 0, or -EINTR with a message: the command is to end, and to undo what it did. */
int interrupt_check(void) MUST_CHECK;

#endif
