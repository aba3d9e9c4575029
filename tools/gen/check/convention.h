/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * convention: how functions get their arguments.
 *
 * Compilers give functions that only one unit can call a convention of their own: gcc
 * passes arguments in registers on i386 (as regparm), clang does so in others
 * (fastcall), drops arguments that are not used, and neither changes the name.  The
 * debug info says where each parameter is at the entry.
 */
#ifndef NSB_GEN_CONVENTION_H
#define NSB_GEN_CONVENTION_H

#include "draft.h"

/* A replaced function, all of them, must get their arguments where the target's callers put them. */
int check_convention(const struct draft *draft, const struct replaced *replaced) MUST_CHECK;
int check_conventions(const struct draft *draft) MUST_CHECK;

/*
 * The target's function `meant`, which the patch's source declares at `source`:`line`,
 * must take them where the patch puts them: as the ABI says or, `in_registers`, as
 * regparm(3) of i386.
 */
int check_reference_convention(const struct draft *draft, const struct definition *meant,
			       const char *source, uint32_t line, bool in_registers) MUST_CHECK;

#endif
