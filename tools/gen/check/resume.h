/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resume: what VZP_RESUME asks for: where an old activation goes on in the patch, and where its variables are there. */
#ifndef NSB_GEN_RESUME_H
#define NSB_GEN_RESUME_H

#include "directives.h"
#include "draft.h"

/*
 * Enter the places of all VZP_RESUME into the metadata, and write into the patch's tables where the variables of
 * each VZP_LOCAL are.  Refused is what has no such place, or more than the stub can serve.  -EINVAL.
 */
int draw_resumes(struct draft *draft, const struct directives *directives) MUST_CHECK;

#endif
