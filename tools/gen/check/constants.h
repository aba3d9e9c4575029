/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * constants: what replaced functions do with the addresses of constants, of which the patch has copies.
 */
#ifndef NSB_GEN_CONSTANTS_H
#define NSB_GEN_CONSTANTS_H

#include "draft.h"
#include "code.h"

/*
 * Tell of a replaced function that compares an address with that of a constant of the patch: the
 * target's constant of that name or text has another address.  Example: `if (s->name != none)`.  Tell of
 * one that stores such an address in memory: it is there when the patch has been reverted.  Example:
 * `s->msg = "out of memory"`.  With --strict both are refusals.  `patch` is the patch's program.
 */
int check_constants(const struct draft *draft, struct program *patch, const struct replaced *replaced) MUST_CHECK;

#endif
