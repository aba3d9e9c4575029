/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address: may the patch hand out the address of one of its functions?
 *
 * Then something may call it after the patch was reverted, and its code must
 * stay.  The answer errs on the side of yes.
 */
#ifndef NSB_GEN_ADDRESS_H
#define NSB_GEN_ADDRESS_H

#include "draft.h"

/* Sets VZ_FUNC_ADDRESS_TAKEN where it may be so. */
int mark_addresses_taken(struct draft *draft) MUST_CHECK;

#endif
