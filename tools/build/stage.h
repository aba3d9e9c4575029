/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stage: how nsb-build ends.  Each stage has its exit status and one line of error.
 *
 * All the work is done by a child (keeper.h), which may end at any place: the parent cleans up.
 * So nothing here returns an error that a caller would have to pass on.
 */
#ifndef NSB_BUILD_STAGE_H
#define NSB_BUILD_STAGE_H

#include "msg.h"

enum stage {
	STAGE_DONE = 0,
	STAGE_OTHER = 1,	/* no memory, no space, no permission */
	STAGE_SOURCE = 2,	/* the source or the target is not to be had */
	STAGE_DIFF = 3,		/* a diff does not apply, or touches nothing that is compiled */
	STAGE_BUILD = 4,	/* the build fails */
	STAGE_NOT_TARGET = 5,	/* what was built is not the target */
	STAGE_SAME = 6,		/* nothing differs in this target */
	STAGE_REFUSED = 7,	/* nsb-gen refuses */
	STAGE_TRIAL = 8,	/* the patch could not be tried, or the trial failed */
	STAGE_INTERRUPTED = 12,
	STAGE_USAGE = 64,
};

/* Print one line and end with that status. */
_Noreturn void stop(enum stage stage, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, with the message that fail() kept. */
_Noreturn void stop_kept(enum stage stage);

/* A new string, which nobody frees: nsb-build is a short program.  No memory ends it. */
char *text(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
