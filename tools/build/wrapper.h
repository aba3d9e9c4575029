/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wrapper: nsb-build called by the name of a compiler, during a build.
 *
 * It calls the compiler of that name that comes next in PATH, and records the call.  The code
 * that is made stays the same.  Three things are added that change none: -g where the build
 * makes no debug info, -MD where it asks for no dependencies; and nothing is stripped.
 */
#ifndef NSB_BUILD_WRAPPER_H
#define NSB_BUILD_WRAPPER_H

#include <stdbool.h>

/* Set by nsb-build for its builds. */
#define WRAPPER_RECORDS "NSB_BUILD_RECORDS"	/* the folder that records are written to */
#define WRAPPER_FOLDER "NSB_BUILD_WRAPPERS"	/* the folder of the wrapper, which is in PATH */
#define WRAPPER_PREFIX_MAP "NSB_BUILD_PREFIX_MAP"	/* OLD=NEW: a tree that cannot be built in its own place */

#define WRAPPER_AGAIN "NSB_BUILD_AGAIN"		/* the tree has been built before */

/* The exit status of the compiler. */
int wrapper_main(const char *name, int argc, char **argv);

/* Is this a command that prepares a tree to be built?  If so it is left out in one that has been built before. */
extern const char *const wrapper_steps[];	/* their names; NULL at the end */
bool wrapper_is_step(const char *name);
int wrapper_step(const char *name, char **argv);

#endif
