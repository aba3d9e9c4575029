/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trial: a process that has the target and does nothing, for a patch to be tried on.
 *
 * An executable is started and turns in a circle where its own code would begin, with all its
 * libraries loaded.  A library is loaded by a small program.
 */
#ifndef NSB_BUILD_TRIAL_H
#define NSB_BUILD_TRIAL_H

#include <sys/types.h>

#include "elffile.h"
#include "words.h"

/*
 * Start one.  `path` is the file; `compiler` and `options` (-m32) compile the small program in
 * `work`; `library_path` are folders where libraries are looked for, too.  0, with a message, if there is none.
 */
pid_t trial_start(const struct elffile *target, const char *path, const char *compiler, const struct words *options,
		  const char *library_path, const char *work, const char *log);
/* Patch it, look whether the patch is in, revert.  0, or a negative errno with a message. */
int trial_patch(pid_t pid, const char *nsb, const char *patch, const char *work) MUST_CHECK;
void trial_end(pid_t pid);

#endif
