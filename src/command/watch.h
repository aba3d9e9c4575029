/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: keeps a host as the store says: what is started is patched before its first instruction.
 *
 * The kernel holds whoever opens a file to execute it until nsb has answered (fanotify(7), FAN_OPEN_EXEC_PERM, marks of
 * mounts.h).  If no patch can be for it (interest.h) he goes on at once.  Else a child of nsb begins to trace that
 * process, and goes on as `nsb run` does: to its entry point, where it is patched.  A script is held for its interpreter.
 * Who opens a marked library is patched in the ordinary way, some milliseconds later.  So it is on kernels
 * in which exec(2) keeps all tracers away while it opens the file, unless the child is quick when the kernel lets it.
 *
 * It must never be what stops a host.  An answer takes a second at most.  All answers come from one process, the
 * watcher, which the kernel kills if it has not been at work for a second (a timer), though it be stopped; when it is dead the
 * kernel lets all go.  `nsb watch` itself only begins another one then.
 */
#ifndef NSB_WATCH_H
#define NSB_WATCH_H

#include "options.h"

int command_watch(const struct options *options) MUST_CHECK;

#endif
