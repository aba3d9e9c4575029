/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sharing: finds processes that run in the memory of another process and are not its threads.
 * A child of vfork(2) does until it calls exec(2), and so does a child of clone(2) with
 * CLONE_VM.
 */
#ifndef NSB_SHARING_H
#define NSB_SHARING_H

#include <sys/types.h>

#include "msg.h"

/*
 * Find another process that runs in the memory of process `pid`; *other is 0 if there is none.
 * `living` is a thread of `pid` that has not ended.  What is learned of other processes is kept,
 * so the next call takes less time.
 */
int sharing_find(pid_t pid, pid_t living, pid_t *other) MUST_CHECK;

#endif
