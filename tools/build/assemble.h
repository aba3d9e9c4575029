/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assemble: one patch, from patch objects to a file that was tried. */
#ifndef NSB_BUILD_ASSEMBLE_H
#define NSB_BUILD_ASSEMBLE_H

#include "former.h"
#include "settings.h"
#include "units.h"
#include "wanted.h"

/*
 * Make the patch for a target.  `old` is what the old build has made of it, `units` are those that
 * are in it, `programs` all that the old build has made; former->path is NULL if there is no former patch.
 */
void assemble_patch(const struct both *both, const struct settings *settings, struct patchable *target, const char *old,
		    struct units *units, const struct words *programs, const struct former *former);

#endif
