/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper: whatever happens, nothing is left behind.
 *
 * nsb-build does its work in a child.  The parent waits for it, ends all processes that the child
 * has left, and removes the folder that the work is done in.  A signal ends the work.
 */
#ifndef NSB_BUILD_KEEPER_H
#define NSB_BUILD_KEEPER_H

#include <stdbool.h>

/*
 * Call work(argument, folder) in a child, with an empty folder that is removed afterwards, but
 * for `keeps_folder`.  `log` is removed if a signal ends the work.  The answer is the exit status.
 */
int keeper_run(int (*work)(void *argument, const char *folder), void *argument, const char *log, bool keeps_folder);

#endif
