/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt: SIGINT, SIGTERM and SIGHUP end a command, as long as it can be undone.
 *
 * The first such signal is noted.  The command asks for it before each step, up to the moment
 * when the process is changed; after that it finishes.  A second signal kills nsb, as SIGKILL
 * would.  SIGPIPE is ignored: if the reader of the output is gone, nsb finishes all the same.
 */
#ifndef NSB_INTERRUPT_H
#define NSB_INTERRUPT_H

#include "msg.h"

/* Note signals from now on.  If SIGHUP is ignored, it stays so, as nohup(1) wants it. */
void interrupt_init(void);
/* -EINTR, with a message, if such a signal came: the command has to end, and to undo what it did. */
int interrupt_check(void) MUST_CHECK;

#endif
