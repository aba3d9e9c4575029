/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hookcode: the functions of a patch that are run while all other threads stand.
 *
 * Such a function must wait for nobody.  So its calls are followed to the bottom, in the patch and in the target.  What is
 * called outside of both is refused, but for a few functions of the C library that only compute.
 */
#ifndef NSB_GEN_HOOKCODE_H
#define NSB_GEN_HOOKCODE_H

#include "directives.h"
#include "draft.h"

/*
 * Add the hooks that the author named to the metadata, and the code that no thread may be in when they run.  All dynrefs
 * have to be known.  What is wrong with a hook is refused at the end.
 */
int draw_hooks(struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
