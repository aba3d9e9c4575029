/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * build: the two builds.
 *
 * The fixed source is built where the old one has been built, in a copy of that, so that the build
 * system makes anew only what it has to.  It may know too little: so this counts only if every
 * compilation that read a changed file was made anew and is in what was linked, and if nothing but
 * what compilers read is changed.  Else the fixed source is built as a whole.
 */
#ifndef NSB_BUILD_BUILD_H
#define NSB_BUILD_BUILD_H

#include "cache.h"
#include "settings.h"
#include "units.h"

/* Build the old source, if it is not kept from an earlier time.  `both` has its compilations then. */
void build_old(const struct settings *settings, struct both *both, struct kept *kept);
/*
 * Build the fixed source in a copy of the old build.  `fixed` is the source with the diffs applied.
 * NULL: the compilations are in `both`, and those that were not made anew are the old ones.
 * Else why this cannot be done, and nothing of it is left.
 */
const char *build_again(const struct settings *settings, struct both *both, const struct kept *kept, const char *fixed);
/* What build_again() has made is not all that it should be: forget it. */
void build_forget(struct both *both);
/* Build the fixed source, which is in both->tree_new. */
void build_new(const struct settings *settings, struct both *both, const struct kept *kept);

#endif
