/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diff: applies the diffs of a fix to a copy of the source. */
#ifndef NSB_BUILD_DIFF_H
#define NSB_BUILD_DIFF_H

#include "words.h"

/*
 * Apply one after the other, by patch(1), with as many folders of the names left off as makes
 * all of a diff fit.  A diff that does not apply as a whole ends nsb-build.  `work` is for files
 * of a moment; all that patch(1) says goes to `log`.
 */
void diffs_apply(const struct words *diffs, const char *tree, const char *work, const char *log);

#endif
