/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch: patches a program that is being started, at its entry point.
 *
 * The patcher traces the program from before its exec(2).  After the exec it puts a breakpoint
 * at the entry, applies the patches there, and lets the program begin.  For a moment it goes on
 * watching whether the program executes something else, as launchers do, and with --follow for
 * as long as it lives, and all that it starts.
 */
#ifndef NSB_LAUNCH_H
#define NSB_LAUNCH_H

#include "options.h"
#include "patchfile.h"

/*
 * Patch what process `pid` executes, which this process traces already (pt_seize_own).  Of the
 * descriptors that it has from there it keeps none; then it calls `begin`, which tells the
 * process to execute its program.  Returns when nothing is left to be watched: whether a program has begun;
 * *n_loaded is for how many of the patches it had loaded something then.
 * With options->is_watch the process is somebody else's: its standard error is not used, and it is let go as soon as it
 * has begun, or when it has executed nothing for options->exec_ms.
 */
bool launch_patched(pid_t pid, const struct options *options, const struct patchfile *patches,
		    size_t n_patches, void (*begin)(void *ctx), void *ctx, size_t *n_loaded);

#endif
