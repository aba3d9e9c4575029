/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * former: a patch that is in the process already.
 *
 * Two patches cannot replace one function at the same time, and the code of a patch that knows
 * nothing of the former one may have the former's errors in it, inlined.  So the new patch has both
 * fixes, and takes the former one's place: that is reverted first.
 */
#ifndef NSB_BUILD_FORMER_H
#define NSB_BUILD_FORMER_H

#include "elffile.h"
#include "vzpatch.h"

struct former {
	const char *path;
	struct elffile file;
	struct vzpatch meta;
};

/* Open it.  Any error ends nsb-build. */
void former_open(struct former *former, const char *path);
/* Is it a patch for this file? */
bool former_is_for(const struct former *former, const struct elffile *target);
/* A function that it replaces and `patch` does not; NULL: there is none.  An error ends nsb-build. */
const char *former_lacks(const struct former *former, const char *patch);

#endif
