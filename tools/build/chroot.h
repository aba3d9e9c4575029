/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chroot: the work is done in another system, a folder that has all of one: its compilers, its
 * packages.  nsb-build is run in it once more, with what the command line names at the same paths.
 *
 * These are mounted there for that run alone, in a mount namespace of its own; the folders and
 * files that had to be made for them are removed when it has ended.
 */
#ifndef NSB_BUILD_CHROOT_H
#define NSB_BUILD_CHROOT_H

#include "settings.h"

/*
 * Run the command line in the system settings->chroot, which is made if there is none and settings->suite says of
 * what.  The exit status.
 */
int chroot_run(const struct settings *settings, char **argv);
/* Is this the nsb-build that the other one runs there? */
bool chroot_is_in(void);
/* In it: has the system just been made?  Then apt has not looked for packages yet. */
bool chroot_is_new(void);

#endif
