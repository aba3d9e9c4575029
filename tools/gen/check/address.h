/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address: may the patch give away the address of one of its functions?
 *
 * If it does, something may call the function after the patch was reverted, so its code has to
 * stay in memory.  If the analysis cannot decide, it takes the address for given away.
 */
#ifndef NSB_GEN_ADDRESS_H
#define NSB_GEN_ADDRESS_H

#include "draft.h"

/* Set VZ_FUNC_ADDRESS_TAKEN for the functions of which it may be so. */
int mark_addresses_taken(struct draft *draft) MUST_CHECK;

#endif
