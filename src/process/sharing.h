/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sharing: processes that run in the memory of another one without being its
 * threads: after vfork(2) until exec, or by CLONE_VM.
 */
#ifndef NSB_SHARING_H
#define NSB_SHARING_H

#include <sys/types.h>

#include "msg.h"

/*
 * Another process that runs in the memory of process `pid`, 0 if there is none.
 * `living` is one of its threads that has not ended.  What is found out of other
 * processes is kept: asking for many costs little for each.
 */
int sharing_find(pid_t pid, pid_t living, pid_t *other) MUST_CHECK;

#endif
